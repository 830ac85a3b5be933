// SPDX-License-Identifier: BSD-2-Clause
// Event ring: the last exits and messages of a CPU, for the record of a panic or a partition's fault.
#pragma once

#include <stdint.h>

#include <caps/status.h>

struct cpu;

#define EVENT_SLOTS 64

enum event_kind { EVENT_NONE, EVENT_EXIT, EVENT_MESSAGE, EVENT_REPLY, EVENT_FAULT, EVENT_NMI };

struct event {
    uint64_t tsc;
    uint64_t rip;
    uint64_t qualification;  // exit qualification; message: sequence number
    uint32_t reason;
    union {
        uint32_t what;             // all four: kind lowest
        struct {
            uint8_t kind;          // enum event_kind
            uint8_t level;         // enum msg_origin
            uint8_t partition;     // index + 1, 0: none
            uint8_t status;        // enum status
        };
    };
};

struct event_ring { uint32_t next; struct event slot[EVENT_SLOTS]; };

// The next slot of this CPU's ring, kind, level, reason and time filled in, the rest 0.
struct event *event_new(struct cpu *cpu, enum event_kind kind);


// Logs the last count events of a CPU, at most EVENT_SLOTS, oldest first.
void event_dump(const struct cpu *cpu, unsigned count);
