// SPDX-License-Identifier: BSD-2-Clause
// Routes: which partition or which of the kernel's own handlers gets a VM exit.
#pragma once

#include <stdbool.h>

#include <caps/exit_reason.h>
#include <caps/msg.h>

#include "cpu.h"

// Enters the routes of a partition's header into the table, where they aren't, or takes them out, where they are. CPUs that handle exits meanwhile see each of
// them there or not there; exit_routes() is to follow.
void route_link(struct partition *partition, bool on);

// Whether some partition claims exits of that origin and reason (all of them, or a range).
bool route_has(enum msg_origin origin, enum exit_reason reason);

// Whether a partition is to be shown every exit of that origin.
bool route_observed(enum msg_origin origin);

// Handles one exit: hands it to the partitions that claim it, by priority; where nobody answers, to the kernel's handler; where there is
// none, L1 gets #UD and an L2 is given back to its owner as a VMRESUME that failed. On return cpu->level and cpu->vmcs02 say what to enter.
// Before: cpu->reason = the exit reason field, one that exists; cpu->level and cpu->vmcs02 as they ran; cpu->gpr = the guest's registers.
void route_exit(struct cpu *cpu);

// The same for an exit of L1 that nobody observes. true: L1 is who runs, for one thing, and ticks are those of the time-stamp counter since the exit.
bool route_l1(struct cpu *cpu, uint64_t *ticks);

// Does what a partition's verdict says: cpu->level and cpu->vmcs02 are what to enter. VERDICT_FORWARD isn't for here.
struct answer;
void route_answer(struct cpu *cpu, struct partition *partition, const struct answer *answer);

// Ends the L2 that runs on this CPU where no partition can: L1's VMLAUNCH or VMRESUME, at which VMCS01 still stands, ends as VMfailInvalid.
void route_abandon_l2(struct cpu *cpu, const char *why);
