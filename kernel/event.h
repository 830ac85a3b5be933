// SPDX-License-Identifier: BSD-2-Clause
// Event ring: the last exits and messages of a CPU, for the record of a panic or a partition's fault.
#pragma once

#include <caps/records.h>

struct cpu;
struct partition;

// The next slot of this CPU's ring, kind, time, qualification, and the exit's level and reason (a message: and RIP) filled in, the rest 0.
struct event *event_new(struct cpu *cpu, enum event_kind kind, uint64_t qualification);

// The same for a message, with its partition and, in the place of the qualification, its number.
struct event *event_message(struct cpu *cpu, const struct partition *partition);
