// SPDX-License-Identifier: BSD-2-Clause
// Calls of PALs: from the program's instruction fetch in the entry page to the PAL's return, with as many interruptions as it takes.
#pragma once

#include <caps/msg.h>

#include "pal.h"

// What the messages of L1's violations carry.
#define CALL_GROUPS (GROUPS_EXIT | GROUP_ADDRESS | GROUPS_RIP | GROUPS_CR | GROUP_EFER | GROUPS_PRIVILEGE | GROUP_GPR)

// An EPT violation's exit qualification (SDM 3C table 28-7): of an instruction fetch.
#define QUALIFICATION_FETCH 4u

// Where a PAL returns to: no page of it, so that the return is a page fault there.
#define CALL_SENTINEL 4u

// What a program gets as a result where its call could not be made: nothing of the PAL was executed.
#define CALL_FAILED ~0ull

// L1 touched a page that is a PAL's: a call, a stray access, or the page has a new use.
void call_violation(const struct request *req, struct reply *rep);

// The PAL is to leave the CPU, its call isn't done: L1 stands at the call, as the program made it.
void call_suspend(struct pal *pal, const struct request *req, struct reply *rep);

// The PAL has returned: L1 stands behind the call, with the result.
void call_return(struct pal *pal, const struct request *req, struct reply *rep);

// The PAL did what it can't: it ends, and L1 gets #GP at the call.
void call_broken(struct pal *pal, const struct request *req, struct reply *rep, const char *why);
