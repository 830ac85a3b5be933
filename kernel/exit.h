// SPDX-License-Identifier: BSD-2-Clause
// VM exit and VM entry. An exit never returns: it ends in enter_guest(), or in a partition whose reply ends there.
#pragma once

#include <caps/exit_reason.h>
#include <caps/msg.h>

#include "cpu.h"

// After each change of the routes: where each exit goes. Other CPUs see it at their next one.
void exit_routes(void);

// entry.S comes here at each exit, on a fresh stack, the guest's registers in cpu->gpr. NMIs that are shoot-downs are served and done; all
// else goes to route_exit().
__attribute__((noreturn)) void exit_enter(struct cpu *cpu);

// Enters cpu->level: L1 on VMCS01, L2 on cpu->vmcs02, with cpu->gpr. Pending NMIs: L1 gets them injected by the rules for virtual NMIs; an
// L2 is stepped (MTF) and an EXCEPTION_OR_NMI exit is dispatched in its name, or one for a pending INIT: cpu->event_exit is true then, and the
// message's fields EXIT_REASON, EXIT_INTR_INFO, EXIT_QUALIFICATION, IDT_VECTORING_INFO are that reason, EVENT_EXIT_INTR_INFO, 0, 0 whatever the VMCS says.
// Where the entry fails: VMCS02: ipc_entry_failed(); VMCS01: panic.
__attribute__((noreturn)) void enter_guest(struct cpu *cpu);

#define EVENT_EXIT_INTR_INFO(reason) ((reason) == EXIT_INIT ? 0 : 0x80000202u)

typedef void kernel_handler_t(struct cpu *cpu);

// The kernel's own handlers; NULL where there is none: the exit can't happen, or only with a partition that asked for it (route_exit panics
// for L1; for L2 all but a few are a partition's).
extern kernel_handler_t *const kernel_handler[ORIGIN_COUNT][EXIT_REASON_COUNT];

// Those that have files of their own, named after what they handle. RDMSR's and WRMSR's are also for an L2 whose hypervisor lets it.
kernel_handler_t cpuid_exit, cr_access_exit, ept01_violation, init_exit, io_exit, msr_exit_read, msr_exit_write, sipi_exit, watchdog_exit;
