// SPDX-License-Identifier: BSD-2-Clause
// The watchdog of a single CPU: a performance counter that L1 lends for each message. Here it is a model, by SDM 3B 20.2.2 and 3A 11.5.1: it counts while it may,
// says that it has wrapped, and has the local APIC deliver an interrupt some accesses later, which masks the entry.

#include <string.h>

#include "../check.h"
#include "fake_machine.h"
#include "fake_vmcs.h"
#include "lapic.h"
#include "msr.h"
#include "partition.h"
#include "shootdown.h"
#include "watchdog.h"

#define BUDGET  1000u
#define COUNTER (1ull << 34)
#define MASKED  0x10000u
#define STATUS  0x38eu
#define X2APIC_COUNTER 0x834u

struct cpu *cpu_table[CPU_MAX];
uint32_t cpu_count;
void shootdown_kick(struct cpu *cpu) { (void)cpu; CHECK(false); }

struct registers { uint64_t enabled, control, count, status; uint32_t delivery; };
static struct registers now;
static unsigned bits, accesses, due, latency, l1_nmi_at, wraps_at, l1_got, ours, melted;
static bool apic_off, blocked, pending;
static struct cpu *const cpu = &fake_cpu;
static struct partition outer_one, inner_one;

// Until its IRET others wait: one, however many there are (SDM 3A 6.7.1 "Handling Multiple NMIs").
static void nmi(void)
{
    melted += blocked && pending;
    pending = true;
    while (pending && !blocked) {
        pending = false;
        blocked = true;
        if (watchdog_nmi(cpu))
            ours++;
        else
            l1_got++;
        blocked = false;
    }
}

// Time goes on: so much of it.
static void pass(uint64_t ticks)
{
    const uint64_t end = 1ull << bits;
    if (!(now.enabled & COUNTER) || !(now.control & 0x300))
        return;
    now.count += ticks;
    if (now.count < end)
        return;
    now.count -= end;
    now.status |= COUNTER;
    if (now.control & 0x800 && !(now.delivery & MASKED) && !apic_off) {
        due = latency + 1;
        CHECK_EQ(now.delivery & 0x7ff, LAPIC_NMI);
    }
}

static void access(void)
{
    accesses++;
    if (accesses == wraps_at)
        pass(BUDGET);
    if (accesses == l1_nmi_at)
        nmi();
    if (due > 0 && --due == 0) {
        now.delivery |= MASKED;
        nmi();
    }
}

uint64_t fake_msr_read(uint32_t msr)
{
    access();
    switch (msr) {
    case MSR_FIXED_CTR2: return now.count;
    case MSR_FIXED_CTR_CTRL: return now.control;
    case MSR_PERF_GLOBAL_CTRL: return now.enabled;
    case STATUS: return now.status;
    default: CHECK(false); return 0;
    }
}

void fake_msr_write(uint32_t msr, uint64_t value)
{
    switch (msr) {
    case MSR_FIXED_CTR2:
        CHECK_EQ(value >> bits, 0);
        now.count = value;
        break;
    case MSR_FIXED_CTR_CTRL: now.control = value; break;
    case MSR_PERF_GLOBAL_CTRL: now.enabled = value; break;
    case MSR_PERF_GLOBAL_OVF_CTRL: now.status &= ~value; break;
    default: CHECK(false);
    }
    access();
}

// In L1's name: others exist, too, and refuse bits that they don't have.
#define OTHER 0x174u

bool fake_msr_read_safe(uint32_t msr, uint64_t *value)
{
    access();
    *value = msr == OTHER ? 0x10 : msr == X2APIC_COUNTER ? now.delivery : fake_msr_read(msr);
    return true;
}

bool fake_msr_write_safe(uint32_t msr, uint64_t value)
{
    access();
    if (value >> 48)
        return false;
    if (msr == X2APIC_COUNTER)
        now.delivery = (uint32_t)value;
    else if (msr != OTHER)
        fake_msr_write(msr, value);
    return true;
}

uint32_t lapic_counter(uint32_t entry)
{
    const uint32_t before = now.delivery;
    now.delivery = entry;
    access();
    return before;
}

// L1's registers, any; its counter 2 counts, and will wrap only much later.
static struct registers start(unsigned width)
{
    static bool made;
    if (!made)
        fake_machine_init(16);
    made = true;
    bits = width;
    accesses = due = latency = l1_nmi_at = wraps_at = l1_got = ours = melted = 0;
    apic_off = blocked = pending = false;
    fake_info.watchdog_ticks = BUDGET;
    fake_info.watchdog_counter = (1ull << width) - BUDGET;
    *cpu = (struct cpu){ .index = 0, .partition = &outer_one };
    outer_one = (struct partition){ .index = 0, .cpu[0].sequence = 7 };
    inner_one = (struct partition){ .index = 1, .cpu[0].sequence = 9 };
    now = (struct registers){ .enabled = 0x70000000full, .control = 0x333, .count = 12345, .status = 5, .delivery = LAPIC_NMI };
    return now;
}

static void same(const struct registers *was)
{
    CHECK_EQ(now.enabled, was->enabled);
    CHECK_EQ(now.control, was->control);
    CHECK_EQ(now.count, was->count);
    CHECK_EQ(now.status, was->status);
    CHECK_EQ(now.delivery, was->delivery);
    CHECK_EQ(cpu->lent, 0);
}

TEST(a_message_leaves_l1s_counters_as_they_were)
{
    static const uint32_t deliveries[] = { LAPIC_NMI, LAPIC_NMI | MASKED, 0xfe, 0xfe | MASKED };
    for (unsigned width = 40; width <= 48; width += 8) {
        for (unsigned i = 0; i < 4; i++) {
            struct registers was = start(width);
            was.delivery = now.delivery = deliveries[i];
            was.count = now.count = (1ull << width) - 1;  // about to wrap
            was.status = now.status = COUNTER | 1;        // and did so before: L1 has yet to look
            struct watchdog_loan loan;
            watchdog_borrow(cpu, &loan);
            CHECK_EQ(now.enabled, COUNTER);  // L1's others stand still
            CHECK_EQ(now.delivery, LAPIC_NMI);
            pass(BUDGET - 1);
            watchdog_return(cpu, &loan);
            CHECK(!watchdog_expired(cpu));
            CHECK_EQ(ours + l1_got, 0);
            same(&was);
        }
    }
}

TEST(who_takes_too_long_is_out_of_time)
{
    for (unsigned width = 40; width <= 48; width += 8) {
        const struct registers was = start(width);
        struct watchdog_loan loan;
        watchdog_borrow(cpu, &loan);
        pass(BUDGET);
        CHECK(!watchdog_expired(cpu));
        access();
        CHECK_EQ(ours, 1);
        CHECK(watchdog_expired(cpu));
        watchdog_return(cpu, &loan);
        same(&was);
        outer_one.cpu[0].sequence++;
        CHECK(!watchdog_expired(cpu));
        watchdog_borrow(cpu, &loan);  // the retry has the whole budget
        pass(BUDGET - 1);
        access();
        CHECK_EQ(ours, 1);
        watchdog_return(cpu, &loan);
        same(&was);
    }
}

// What isn't ended by its NMI, as a system call that goes on with another message's time, is asked again.
TEST(a_second_time_comes_after_the_first)
{
    start(48);
    struct watchdog_loan loan;
    watchdog_borrow(cpu, &loan);
    for (unsigned i = 1; i <= 3; i++) {
        pass(BUDGET);
        access();
        CHECK_EQ(ours, i);
        CHECK_EQ(now.delivery, LAPIC_NMI);
    }
    watchdog_return(cpu, &loan);
}

// A message that asks another one, 70 accesses with what comes after them.
static void two_messages(void)
{
    struct watchdog_loan loan, inner;
    watchdog_borrow(cpu, &loan);
    for (unsigned i = 0; i < 4; i++)
        access();
    cpu->partition = &inner_one;
    watchdog_borrow(cpu, &inner);
    for (unsigned i = 0; i < 4; i++)
        access();
    watchdog_return(cpu, &inner);
    cpu->partition = &outer_one;
    for (unsigned i = 0; i < 4; i++)
        access();
    watchdog_return(cpu, &loan);
    while (accesses < 70)
        access();
}

// An NMI of L1's at every access; the counter wraps at any other one, and its interrupt comes some later: L1 gets its NMI, and none of the counter's. Only two
// that are pending at once are one: so it is without Bulkhead.
TEST(no_nmi_of_l1s_is_lost_and_none_is_made_up)
{
    unsigned ended = 0, together = 0;
    for (unsigned late = 0; late < 8; late++) {
        for (unsigned l1 = 1; l1 <= 60; l1++) {
            for (unsigned wraps = 0; wraps <= 60; wraps++) {
                struct registers was = start(48);
                was.control = now.control = 0x033;  // counter 2 is off while it is L1's
                latency = late, l1_nmi_at = l1, wraps_at = wraps;
                two_messages();
                CHECK(l1_got == 1 || (l1_got == 0 && melted == 1 && ours == 1));
                CHECK(ours <= 1);
                ended += ours;
                together += melted;
                same(&was);
            }
        }
    }
    CHECK(ended > 5000);
    CHECK(together < 100);
}

TEST(who_is_asked_has_its_own_time)
{
    const struct registers was = start(48);
    struct watchdog_loan loan, inner;
    watchdog_borrow(cpu, &loan);
    pass(BUDGET - 10);
    cpu->partition = &inner_one;
    watchdog_borrow(cpu, &inner);
    pass(BUDGET - 1);
    access();
    CHECK_EQ(ours, 0);
    pass(1);
    access();
    CHECK_EQ(ours, 1);
    CHECK(watchdog_expired(cpu));
    watchdog_return(cpu, &inner);
    cpu->partition = &outer_one;
    CHECK(!watchdog_expired(cpu));  // it isn't its fault
    pass(9);
    access();
    CHECK_EQ(ours, 1);
    pass(1);
    access();
    CHECK_EQ(ours, 2);  // and its own time goes on
    CHECK(watchdog_expired(cpu));
    watchdog_return(cpu, &loan);
    same(&was);
}

// A partition's SYS_READ_MSR and OP_MSR_WRITE, as for the MSR areas of a VMCS12: in one message, and in one that another one waits for.
TEST(what_is_lent_is_read_and_written_as_l1s)
{
    for (unsigned deep = 0; deep < 2; deep++) {
        struct registers was = start(48);
        struct watchdog_loan loan, inner;
        const uint64_t outer_spent = 100, spent = 10;
        uint64_t value;
        watchdog_borrow(cpu, &loan);
        pass(outer_spent);
        if (deep == 1) {
            cpu->partition = &inner_one;
            watchdog_borrow(cpu, &inner);
            pass(spent);
        }
        const struct registers lent = now;
        CHECK(watchdog_msr(cpu, MSR_FIXED_CTR2, &value, false) && value == was.count);
        CHECK(watchdog_msr(cpu, MSR_FIXED_CTR_CTRL, &value, false) && value == was.control);
        CHECK(watchdog_msr(cpu, MSR_PERF_GLOBAL_CTRL, &value, false) && value == was.enabled);
        CHECK(watchdog_msr(cpu, X2APIC_COUNTER, &value, false) && value == was.delivery);
        was.count = 5, was.control = 0x30, was.enabled = 0x200000001, was.delivery = 0x100fe;
        CHECK(watchdog_msr(cpu, MSR_FIXED_CTR2, &was.count, true));
        CHECK(watchdog_msr(cpu, MSR_FIXED_CTR_CTRL, &was.control, true));
        CHECK(watchdog_msr(cpu, MSR_PERF_GLOBAL_CTRL, &was.enabled, true));
        CHECK(watchdog_msr(cpu, X2APIC_COUNTER, &(uint64_t){ was.delivery }, true));
        CHECK(!watchdog_msr(cpu, MSR_PERF_GLOBAL_CTRL, &(uint64_t){ 1ull << 63 }, true));
        const unsigned before = accesses;
        CHECK(watchdog_msr(cpu, OTHER, &value, false) && value == 0x10);
        CHECK_EQ(accesses, before + 1);  // of no other MSR
        CHECK(now.enabled == lent.enabled && now.control == lent.control && now.count == lent.count && now.delivery == lent.delivery);  // the time goes on where it was
        nmi();
        CHECK_EQ(l1_got, 1);
        CHECK(!watchdog_expired(cpu));
        pass(BUDGET - (deep == 1 ? spent : outer_spent) - 1);
        access();
        CHECK_EQ(ours, 0);
        pass(1);
        access();
        CHECK_EQ(ours, 1);
        CHECK(watchdog_expired(cpu));
        if (deep == 1)
            watchdog_return(cpu, &inner);
        cpu->partition = &outer_one;
        watchdog_return(cpu, &loan);
        same(&was);
        CHECK(watchdog_msr(cpu, MSR_FIXED_CTR2, &(uint64_t){ 77 }, true));  // nothing is lent any more
        CHECK_EQ(now.count, 77);
        CHECK_EQ(now.enabled, was.enabled);
    }
}

// L1 has its own NMIs at each access of these as well.
TEST(no_nmi_is_lost_while_l1_has_it_back)
{
    for (unsigned at = 1; at <= 60; at++) {
        const struct registers was = start(48);
        struct watchdog_loan loan;
        uint64_t value;
        l1_nmi_at = at;
        watchdog_borrow(cpu, &loan);
        CHECK(watchdog_msr(cpu, MSR_FIXED_CTR2, &(uint64_t){ 0 }, true) && watchdog_msr(cpu, MSR_FIXED_CTR2, &value, false) && value == 0);
        CHECK(watchdog_msr(cpu, MSR_FIXED_CTR2, &(uint64_t){ was.count }, true));
        CHECK(!watchdog_expired(cpu));
        watchdog_return(cpu, &loan);
        while (accesses < 60)
            access();
        CHECK_EQ(l1_got, 1);
        CHECK_EQ(ours, 0);
        same(&was);
    }
}

TEST(an_apic_that_delivers_nothing_holds_nobody_up)
{
    const struct registers was = start(48);
    struct watchdog_loan loan;
    apic_off = true;
    watchdog_borrow(cpu, &loan);
    pass(BUDGET);
    watchdog_return(cpu, &loan);
    CHECK_EQ(ours + l1_got, 0);
    same(&was);
}

TEST(an_nmi_without_a_loan_is_l1s)
{
    start(48);
    now.count = 0;
    nmi();
    CHECK_EQ(l1_got, 1);
    CHECK_EQ(accesses, 0);  // such registers needn't exist
}
