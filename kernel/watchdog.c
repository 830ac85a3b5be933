// SPDX-License-Identifier: BSD-2-Clause
// Watchdog: who is in the same message at two looks, longer than the budget apart, gets an NMI. Messages themselves cost nothing more for it.
// A CPU without others gets it from a counter, which each message starts.
#include "watchdog.h"

#include "exit.h"
#include "lapic.h"
#include "msr.h"
#include "partition.h"
#include "shootdown.h"
#include "vmcs.h"
#include "vtd.h"

#define MISC_TIMER_RATE 31u   // SDM 3D A.6 "Miscellaneous Data": the timer counts down when that bit of the time-stamp counter changes

// SDM 3B 20.2.2 "Architectural Performance Monitoring Version 2": fixed counter 2 goes up as the time-stamp counter does. On, in all rings (a loop of system calls
// spends most of its time in the kernel), with an interrupt when it wraps.
#define COUNTER         (1ull << 34)
#define COUNTER_CONTROL 0xb00u

void watchdog_arm(void)
{
    uint64_t count = (boot_info->watchdog_ticks >> (vmx_caps->msr[VMX_CAP_MISC] & MISC_TIMER_RATE)) + 1;  // with 0 L1 would get nothing done
    if (vmcs_field_exists(VMCS_PREEMPTION_TIMER))
        vmcs_write(VMCS_PREEMPTION_TIMER, boot_info->watchdog_ticks && count <= 0xffffffff ? count : 0xffffffff);
}

// The message that this CPU is in, by its number and its partition's; 0: none.
static uint64_t message_of(const struct cpu *cpu)
{
    const struct partition *partition = __atomic_load_n(&cpu->partition, __ATOMIC_RELAXED);
    return partition ? (uint64_t)partition->cpu[cpu->index].sequence << 8 | (partition->index + 1) : 0;
}

// All CPUs note what they see in one place: the first one that has seen enough acts.
static void watch(struct cpu *other, uint64_t now)
{
    uint64_t message = message_of(other);
    if (message != other->watched) {
        other->watched = message;
        other->watched_tsc = now;
    } else if (message && (int64_t)(now - other->watched_tsc) > (int64_t)boot_info->watchdog_ticks) {
        __atomic_store_n(&other->expired, message, __ATOMIC_SEQ_CST);
        shootdown_kick(other);
    }
}

// The tick.
void watchdog_exit(struct cpu *cpu)
{
    watchdog_arm();
    vtd_look(cpu);
    for (uint32_t i = 0; boot_info->watchdog_ticks && i < cpu_count; i++)
        if (cpu_table[i] != cpu)
            watch(cpu_table[i], cpu->event->tsc);
}

bool watchdog_expired(const struct cpu *cpu)
{
    uint64_t message = message_of(cpu);
    return message && __atomic_load_n(&cpu->expired, __ATOMIC_SEQ_CST) == message;
}

// The interrupt of a message that is out of time has yet to be taken: that sets the counter again.
static bool wrapped(const struct cpu *cpu) { return cpu->lent != 0 && msr_read(MSR_FIXED_CTR2) < boot_info->watchdog_counter; }

bool watchdog_nmi(struct cpu *cpu)
{
    if (!wrapped(cpu))
        return false;
    msr_write(MSR_PERF_GLOBAL_OVF_CTRL, COUNTER);  // with it goes an overflow of L1's own there that L1 has yet to look at
    msr_write(MSR_FIXED_CTR2, boot_info->watchdog_counter);  // who isn't ended by this, because another message has been since, has another budget
    (void)lapic_counter(LAPIC_NMI);  // the interrupt has masked it
    cpu->expired = cpu->lent;
    return true;
}

// What the registers hold and what a loan does change places. First waits for an NMI that is under way: afterwards it would be taken for one of L1's. Where the local
// APIC is switched off by software none comes.
static void exchange(struct cpu *cpu, struct watchdog_loan *with)
{
    if (with == NULL || boot_info->watchdog_counter == 0)
        return;
    const uint64_t enabled = msr_read(MSR_PERF_GLOBAL_CTRL);
    msr_write(MSR_PERF_GLOBAL_CTRL, 0);
    for (unsigned i = 0; i < 100000 && wrapped(cpu); i++)
        __builtin_ia32_pause();
    (void)watchdog_nmi(cpu);
    const struct watchdog_loan before = { enabled, msr_read(MSR_FIXED_CTR_CTRL), msr_read(MSR_FIXED_CTR2), cpu->lent, lapic_counter(with->delivery) };
    cpu->lent = 0;  // until all is there: an NMI of L1's would find the other's count
    msr_write(MSR_FIXED_CTR_CTRL, with->control);
    msr_write(MSR_FIXED_CTR2, with->count);
    cpu->lent = with->message;
    msr_write(MSR_PERF_GLOBAL_CTRL, with->enabled);
    *with = before;
}

// A message that another one waits for has its own time.
void watchdog_borrow(struct cpu *cpu, struct watchdog_loan *loan)
{
    cpu->loan = cpu->lent == 0 ? loan : cpu->loan;
    *loan = (struct watchdog_loan){ COUNTER, COUNTER_CONTROL, boot_info->watchdog_counter, message_of(cpu), LAPIC_NMI };
    exchange(cpu, loan);
}

void watchdog_return(struct cpu *cpu, struct watchdog_loan *loan) { exchange(cpu, loan); }

// Those of the counter are among 0x300 to 0x3ff, its interrupt's entry is one of x2APIC's.
bool watchdog_msr(struct cpu *cpu, uint32_t msr, uint64_t *value, bool write)
{
    struct watchdog_loan *const l1 = cpu->lent != 0 && (msr >> 8 == 3 || msr >> 8 == 8) ? cpu->loan : NULL;
    exchange(cpu, l1);
    const bool done = write ? msr_write_safe(msr, *value) : msr_read_safe(msr, value);
    exchange(cpu, l1);
    return done;
}
