// SPDX-License-Identifier: BSD-2-Clause
// Watchdog: who is in the same message at two looks, longer than the budget apart, gets an NMI. Messages themselves cost nothing more for it.
#include "watchdog.h"

#include "exit.h"
#include "partition.h"
#include "shootdown.h"
#include "vmcs.h"
#include "vtd.h"

#define MISC_TIMER_RATE 31u   // SDM 3D A.6 "Miscellaneous Data": the timer counts down when that bit of the time-stamp counter changes

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
