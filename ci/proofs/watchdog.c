// SPDX-License-Identifier: BSD-2-Clause
// Proof: the watchdog ends only messages that two looks, farther apart than the budget, have found to be the same one on the same CPU, and those it does end; a clock
// that goes backwards or wraps ends none. The timer never has the value 0, by which L1 would get no instruction done, and what runs out is the message that
// was meant, and none that came after it (I8).
// CBMC: unwind=6 replace=vmcs_write:contract_write,vmcs_field_exists:contract_exists
#include "any_caps.h"

// Of a partition no more than is looked at.
#include <caps/layout.h>
#undef CPU_MAX
#define CPU_MAX 2
#include "../../kernel/watchdog.c"

struct cpu *cpu_table[CPU_MAX];
uint32_t cpu_count;
static struct cpu cpus[CPU_MAX];
static struct partition partition;
static struct boot_info info;
const struct boot_info *boot_info = &info;
static uint64_t timer;
static bool has_timer, kicked, written;

void contract_write(enum vmcs_field field, uint64_t value)
{
    PROVE(field == VMCS_PREEMPTION_TIMER && has_timer && value <= 0xffffffff, "the timer, which has 32 bits");
    timer = value;
    written = true;
}

bool contract_exists(enum vmcs_field field)
{
    (void)field;
    return has_timer;
}

void shootdown_kick(struct cpu *cpu)
{
    PROVE(cpu == &cpus[1], "the other CPU");
    kicked = true;
}

void vtd_look(struct cpu *cpu) { (void)cpu; }

int main(void)
{
    any_caps();
    has_timer = any_bool();
    const uint64_t budget = info.watchdog_ticks = any_u64();
    ASSUME(budget < 1ull << 62);  // the loader's limit is below
    cpu_count = CPU_MAX;
    for (unsigned i = 0; i < CPU_MAX; i++)
        cpu_table[i] = &cpus[i], cpus[i].index = i;
    struct cpu *other = &cpus[1];
    partition.index = any_below(PARTITION_MAX);
    partition.cpu[1].sequence = any_u32();
    other->partition = any_bool() ? &partition : NULL;
    uint64_t watched = other->watched = any_u64(), since = other->watched_tsc = any_u64(), expired = other->expired = any_u64();
    struct event event;
    cpus[0].event = &event;
    uint64_t now = event.tsc = any_u64(), message = other->partition ? (uint64_t)partition.cpu[1].sequence << 8 | (partition.index + 1) : 0;
    bool was = watchdog_expired(other);
    PROVE(was == (other->partition && expired == message), "only the message that was meant");

    watchdog_exit(&cpus[0]);
    uint64_t passed = now - since;
    if (kicked) {
        PROVE(budget && other->partition && message == watched, "somebody watches, and it is the message of the look before");
        PROVE(passed > budget && passed < 1ull << 63, "which is longer ago than the budget");
        PROVE(watchdog_expired(other), "and the CPU will know");
    } else {
        PROVE(!budget || !message || message != watched || passed <= budget || passed >= 1ull << 63, "such a message is ended");
        PROVE(other->expired == expired, "no other");
    }
    PROVE(!budget || (other->watched == message && (message == watched ? other->watched_tsc == since : other->watched_tsc == now)), "what was seen is noted");
    PROVE(written == has_timer && (!written || timer > 0), "the tick goes on, and leaves L1 time");
    return 0;
}
