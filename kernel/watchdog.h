// SPDX-License-Identifier: BSD-2-Clause
// Watchdog: ends a message that a partition doesn't reply to in time. CPUs watch each other: at a slow tick, the VMX-preemption timer of VMCS01.
#pragma once

#include "cpu.h"

// Starts this CPU's tick: boot_info->watchdog_ticks of the time-stamp counter lie between two looks, and so many may a message take; 0: nobody watches. VMCS01 is current.
void watchdog_arm(void);

// Whether what runs in ring 3 here is out of time. In the handler of the NMI that says so.
bool watchdog_expired(const struct cpu *cpu);

// Where no other CPU watches, a performance counter of this one's may: only where boot_info->watchdog_counter isn't 0, else these do nothing. L1 lends it for the length
// of a message, with its interrupt; meanwhile L1's counters stand still, and afterwards they and their registers are as they were. The loan keeps what was there.
struct watchdog_loan { uint64_t enabled, control, count, message; uint32_t delivery; };
void watchdog_borrow(struct cpu *cpu, struct watchdog_loan *loan);
void watchdog_return(struct cpu *cpu, struct watchdog_loan *loan);

// An MSR that L0 doesn't watch, read or written in L1's name, which has back what it has lent for that moment. false: #GP.
bool watchdog_msr(struct cpu *cpu, uint32_t msr, uint64_t *value, bool write);

// Whether an NMI that no CPU has sent is that counter's, and not L1's.
bool watchdog_nmi(struct cpu *cpu);
