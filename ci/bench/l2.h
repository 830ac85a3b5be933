// SPDX-License-Identifier: BSD-2-Clause
// Entering L2, and what runs there.
#pragma once

#include <stdint.h>

#include <caps/exit_reason.h>

// L2 starts here at its next entry, on its own stack.
void l2_start(void (*code)(void));
// Enters L2; returns at the next exit with its basic reason. A failed entry ends the bench. L2's GPRs are kept across exits.
enum exit_reason l2_run(void);
// RIP behind the instruction that exited: 2 VMREADs, 1 VMWRITE.
void l2_skip(void);

// From RDTSC before VMRESUME to RDTSC behind the VM exit, with nothing but the exit itself in L2: it executes CPUID again each time.
// L2 must have exited with CPUID once. ticks[count] (vm_entry.S).
void l2_round_trips(uint64_t *ticks, uint64_t count);

// vm_entry.S: 0 for an exit, else the flags' verdict: 1 VMfailInvalid, 2 VMfailValid.
uint64_t vm_enter(uint64_t launched);
// vm_entry.S: enter on these when the exit's handler is another.
extern const char vm_exit_to_enter[], vm_exit_to_round_trip[];
extern uint64_t vm_gpr[16];
