// SPDX-License-Identifier: BSD-2-Clause
// Watchdog: ends a message that a partition doesn't reply to in time. CPUs watch each other: at a slow tick, the VMX-preemption timer of VMCS01.
#pragma once

#include "cpu.h"

// ticks: of the time-stamp counter, that a message may take and that lie between two looks of a CPU; 0: nobody watches. Once.
void watchdog_init(uint64_t ticks);

// Starts this CPU's tick. VMCS01 is current.
void watchdog_arm(void);

// Exit handler of the tick: looks at all other CPUs.
void watchdog_exit(struct cpu *cpu);

// Whether what runs in ring 3 here is out of time. In the handler of the NMI that says so.
bool watchdog_expired(const struct cpu *cpu);
