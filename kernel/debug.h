// SPDX-License-Identifier: BSD-2-Clause
// The partition that the configuration has debugged: where it stops, and how it goes on. What is done about it meanwhile is the debugger's business, a partition
// too (caps/debug.h). The CPU that stops waits for it; shoot-downs reach it by NMI as ever, and the others go on.
#pragma once

#include <caps/debug.h>

#include "partition.h"
#include "trap_frame.h"

// Around an upcall of partition->debugged: what it is watched for, and the guest's own debug registers.
struct debug_guest { uint64_t address[DEBUG_WATCHES], dr6; };
void debug_begin(struct debug_guest *guest);
void debug_end(struct partition_cpu *slot, const struct debug_guest *guest);

// An exception in ring 3, where some partition is debugged. false: it is no business of the debugger's. Doesn't return where the partition goes on, or the
// upcall ends as UPCALL_STOPPED.
bool debug_trap(struct cpu *cpu, const struct partition *partition, unsigned vector, uint64_t cr2, struct trap_frame *frame);

// An upcall has ended as UPCALL_STOPPED: asks the debugger, and goes on with it, or records the fault. Returns as upcall() does.
int64_t debug_stopped(struct cpu *cpu, struct partition *partition, struct partition_cpu *slot);
