// SPDX-License-Identifier: BSD-2-Clause
// The runtime's part of a message.
#pragma once

#include <stdint.h>

#include <caps/msg.h>
#include <caps/status.h>
#include <rt/state.h>

// Before partition_message: journals, and the reply's fixed part.
static inline void message_begin(uint32_t cpu, const struct request *req, struct reply *rep)
{
    const uint32_t sequence = req->sequence;
    _Static_assert(VERDICT_RESUME == 0 && STATUS_OK == 0, "what is 0 is written as one");
    rep->head = sequence;  // VERDICT_RESUME, no operations
    rep->status = STATUS_OK;
    rep->set = 0;
    if (__builtin_expect(req->kind == MSG_EXIT, 1)) {
        state_begin(cpu, sequence);
        return;
    }
    if (req->kind == MSG_INIT)
        state_roll_back(req->arg[1]);
    else
        state_begin(cpu, sequence);
    rep->verdict = req->kind == MSG_ENTRY_FAILED ? VERDICT_L1 : VERDICT_RETURN;
}

// crt0.S comes here with every message.
_Noreturn void rt_message(uint32_t cpu, const struct request *req, uint64_t rdx, uint64_t rcx, struct reply *rep);
