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
    bool locked;             // holds the lock of the VMCS12 table: until the end of the message
};

// A field of the VMCS that exited; its group must be in the route.
static inline uint64_t exit_field(const struct message *m, enum vmcs_field field) { return m->req->field[0][field]; }

#define BASE_REASON(m) ((m)->req->reason & 0xffffu)
