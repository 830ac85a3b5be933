// SPDX-License-Identifier: BSD-2-Clause
// The message being handled, and what of it all handlers need.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <caps/msg.h>

struct vmx_cpu;
struct vmcs12;

struct message {
    const struct request *req;
    struct reply *rep;
    struct vmx_cpu *cpu;     // L1's VMX state on this CPU
    struct vmcs12 *current;  // its current VMCS12, or NULL
    uint64_t have;           // groups that bank 0 of the request holds, of...
    uint32_t handle;         // ...this VMCS
    bool locked;             // holds the lock of the VMCS12 table: until the end of the message
    bool rsp_set;            // the instruction's result is RSP:
    uint64_t rsp;
};

// Fetches what the route didn't bring of these groups.
void message_fetch(struct message *m, uint64_t missing);
static inline __attribute__((always_inline)) void message_need(struct message *m, uint64_t groups)
{
    if (__builtin_expect((groups & ~m->have) != 0, 0))
        message_fetch(m, groups & ~m->have);
}

// A field of that VMCS; its group must be in the route, or fetched.
static inline uint64_t exit_field(const struct message *m, enum vmcs_field field) { return m->req->field[0][field]; }

#define BASE_REASON(m) ((m)->req->reason & 0xffffu)
