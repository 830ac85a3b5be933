// SPDX-License-Identifier: BSD-2-Clause
// Watchdog: ends a message that a partition doesn't reply to in time. CPUs watch each other: at a slow tick, the VMX-preemption timer of VMCS01.
#pragma once

#include "cpu.h"

// Starts this CPU's tick: boot_info->watchdog_ticks of the time-stamp counter lie between two looks, and so many may a message take; 0: nobody watches. VMCS01 is current.
void watchdog_arm(void);

// Whether what runs in ring 3 here is out of time. In the handler of the NMI that says so.
bool watchdog_expired(const struct cpu *cpu);
