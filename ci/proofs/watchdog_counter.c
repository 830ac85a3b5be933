// SPDX-License-Identifier: BSD-2-Clause
// Proof: a message for which the watchdog borrows L1's counter leaves every register as it was, whatever was in it. At any moment an NMI of L1's may come, at any moment
// the counter may wrap, and its interrupt some accesses later: of two NMIs L1 gets one, of one that is L1's it gets that, and none that is the counter's. A message is out of
// time only if the counter has wrapped (I8).
// CBMC: unwind=5 replace=msr_read:contract_read,msr_write:contract_write
#include "any_caps.h"

#define __builtin_ia32_pause() ((void)0)
// Of a partition no more than is looked at.
#include <caps/layout.h>
#undef CPU_MAX
#define CPU_MAX 1
#include "../../kernel/watchdog.c"

struct cpu *cpu_table[CPU_MAX];
uint32_t cpu_count;
static struct cpu cpu;
static struct partition partition;
static struct boot_info info;
const struct boot_info *boot_info = &info;
void shootdown_kick(struct cpu *other) { (void)other; }

#define MASKED 0x10000u
static struct { uint64_t enabled, control, count, status; uint32_t delivery; } now;
static unsigned due, l1_got, ours;
static bool blocked, pending, l1_came, has_wrapped, melted;

static void handle(void)
{
    pending = false;
    blocked = true;
    if (watchdog_nmi(&cpu))
        ours++;
    else
        l1_got++;
    blocked = false;
}

// Until the handler's end others wait, as one.
static void nmi(void)
{
    melted = melted || (blocked && pending);
    pending = true;
    if (!blocked)
        handle();
    if (!blocked && pending)
        handle();
}

// Between two accesses.
static void time_passes(void)
{
    if (!has_wrapped && now.enabled & COUNTER && now.control == COUNTER_CONTROL && cpu.lent != 0 && any_bool()) {
        has_wrapped = true;
        now.count = any_below(4);
        now.status |= COUNTER;
        PROVE(now.delivery == LAPIC_NMI, "it can be delivered");
        due = 1 + any_below(2);
    }
    if (due > 0 && --due == 0) {
        now.delivery |= MASKED;
        nmi();
    }
    if (!l1_came && any_bool()) {
        l1_came = true;
        nmi();
    }
}

// What comes before the control's read could as well come after it: nothing that comes changes it.
uint64_t contract_read(uint32_t msr)
{
    if (msr != MSR_FIXED_CTR_CTRL)
        time_passes();
    PROVE(msr == MSR_FIXED_CTR2 || msr == MSR_FIXED_CTR_CTRL || msr == MSR_PERF_GLOBAL_CTRL, "one that there is");
    return msr == MSR_FIXED_CTR2 ? now.count : msr == MSR_FIXED_CTR_CTRL ? now.control : now.enabled;
}

void contract_write(uint32_t msr, uint64_t value)
{
    if (msr == MSR_FIXED_CTR2)
        now.count = value;
    else if (msr == MSR_FIXED_CTR_CTRL)
        now.control = value;
    else if (msr == MSR_PERF_GLOBAL_CTRL)
        now.enabled = value;
    else if (msr == MSR_PERF_GLOBAL_OVF_CTRL)
        now.status &= ~value;
    else
        PROVE(false, "one that there is");
    time_passes();
}

uint32_t lapic_counter(uint32_t entry)
{
    uint32_t before = now.delivery;
    now.delivery = entry;
    return before;
}

int main(void)
{
    info.watchdog_counter = any_u64();
    ASSUME(info.watchdog_counter >= 1ull << 31 && info.watchdog_counter < 1ull << 63);  // the loader's: no narrower counter
    const uint64_t enabled = now.enabled = any_u64(), control = now.control = any_u64(), count = now.count = any_u64(), status = now.status = any_u64();
    const uint32_t delivery = now.delivery = any_u32();
    ASSUME(!(status & COUNTER));
    cpu.partition = &partition;
    partition.index = any_below(PARTITION_MAX);
    partition.cpu[0].sequence = any_u32();
    struct watchdog_loan loan;

    watchdog_borrow(&cpu, &loan);
    time_passes();
    PROVE(now.enabled == COUNTER, "L1's counters stand still");
    time_passes();
    PROVE(!watchdog_expired(&cpu) || has_wrapped, "only who is out of time");
    watchdog_return(&cpu, &loan);
    PROVE(now.enabled == enabled && now.control == control && now.count == count && now.status == status && now.delivery == delivery, "all is as it was");
    PROVE(cpu.lent == 0 && due == 0, "nothing is under way");
    PROVE(ours == has_wrapped && (melted || l1_got == l1_came), "each NMI is whose it is");
    PROVE(!has_wrapped || watchdog_expired(&cpu), "who was out of time is known");
    return 0;
}
