// SPDX-License-Identifier: BSD-2-Clause
// What hostile's files share: each attempt is a function.
#pragma once

#include <stdint.h>

#include "attempt.h"

struct try {
    const struct request *req;
    struct reply *rep;
    uint64_t parameter;
    uint64_t hidden;   // L1-physical address of hidden memory, as the guest found it
    uint64_t page;     // and of a page of the guest's
};

// ATTEMPT: the value is what the guest gets. BATCH: fills try->rep with operations. ANSWER: spoils the reply.
#define ATTEMPT(name, ...) uint64_t attempt_##name(const struct try *try);
#define BATCH(name, ...) void attempt_##name(const struct try *try);
#define ANSWER(name, ...) void attempt_##name(const struct try *try);
#include "attempt.def"
#undef ATTEMPT
#undef BATCH
#undef ANSWER

// The answer to a hypercall of the guest's: registers, RIP behind it.
void answer(const struct request *req, struct reply *rep, uint64_t outcome, uint64_t value);

// SYSENTER as it is asked for (instruction.S): with flags set; going on at rip with rsp, 0: where it was called. 1 in flags: behind MOV SS.
uint64_t sysenter_with(uint64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t flags, uint64_t rip, uint64_t rsp);

// Faults of its own making that the next message must know of: survives reloads and roll-backs.
struct plan {
    uint64_t fault_in_init;
    uint64_t committed;      // written as state should be, by state_set()
    uint64_t secret;
    uint64_t vmcs01;         // race.c: a hash of what no race may change there
};
extern struct plan plan;
