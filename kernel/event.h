// SPDX-License-Identifier: BSD-2-Clause
// Event ring: the last exits and messages of a CPU, for the record of a panic or a partition's fault.
#pragma once

#include <caps/records.h>

struct cpu;

// The next slot of this CPU's ring, kind, level, reason and time filled in, the rest 0.
struct event *event_new(struct cpu *cpu, enum event_kind kind);

// Logs the last count events of a CPU, at most EVENT_SLOTS, oldest first.
void event_dump(const struct cpu *cpu, unsigned count);
