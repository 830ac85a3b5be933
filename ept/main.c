// SPDX-License-Identifier: BSD-2-Clause
// The partition ept: keeps the EPT02 trees that L2s run on, shadows of what EPT12 and EPT01 together allow.
#include <caps/ept_call.h>
#include <rt/call.h>
#include <rt/info.h>
#include <rt/partition.h>
#include <rt/reply.h>

#include "instruction.h"
#include "inval.h"
#include "tree.h"
#include "violation.h"

static void message_init(const struct request *req, struct reply *rep)
{
    tree_cpu = ept12_cpu(info);
    instruction_init();
    // After a reload the tables here are empty: so must the kernel's trees be. L2 meets its violations again.
    if (req->arg[0] != 0)
        inval_reset(rep);
    reply_return(rep, STATUS_OK);
}

static void message_call(const struct request *req, struct reply *rep)
{
    switch (req->arg[0]) {
    case EPT_CALL_INVEPT:
        if (req->arg[1] != INVEPT_SINGLE && req->arg[1] != INVEPT_ALL) {
            reply_return(rep, STATUS_BAD_ARG);
            return;
        }
        inval(rep, (enum invept_type)req->arg[1], req->arg[2]);
        reply_return(rep, STATUS_OK);
        return;
    default:
        reply_return(rep, STATUS_BAD_CALL);
    }
}

static void message_other(const struct request *req, struct reply *rep)
{
    switch (req->kind) {
    case MSG_INIT:
        message_init(req, rep);
        return;
    case MSG_CALL:
        message_call(req, rep);
        return;
    case MSG_KILL:
        // An L2 whose memory can't be mapped ends as one that can't go on. L1's instruction nestvmx can end.
        reply_forward(rep, req->origin == ORIGIN_L1 ? 0 : EXIT_TRIPLE_FAULT, 0, 0, 0);
        return;
    default:
        rt_panic("a message that the kernel doesn't send to ept");
    }
}

// Who was before has an exit for L1.
static void pass(const struct request *req, struct reply *rep)
{
    reply_forward(rep, req->arg[0], req->arg[1], req->arg[2], req->arg[3]);
    rep->arg[4] = req->arg[4];
}

static __attribute__((noinline)) void message(const struct request *req, struct reply *rep)
{
    if (req->kind != MSG_EXIT)
        message_other(req, rep);
    else if ((req->flags & REQUEST_FORWARDED) && req->arg[0] != 0)
        pass(req, rep);
    else if (req->origin == ORIGIN_L1)
        reply_forward(rep, 0, 0, 0, 0);  // somebody before ept could have had it: none does
    else
        violation(req, rep);
}

// As a whole, but for the attempt, in one look.
#define WHAT(kind, origin, flags) ((uint32_t)(kind) | (uint32_t)(origin) << 8 | (uint32_t)(flags) << 16)

void partition_message(const struct request *req, struct reply *rep)
{
    const uint32_t what = req->what & 0xffffff;
    if (__builtin_expect(what == WHAT(MSG_EXIT, ORIGIN_L1, 0), 1))
        instruction(req, rep);
    else if (__builtin_expect(what == WHAT(MSG_EXIT, ORIGIN_L2, 0), 1))
        violation(req, rep);
    else
        message(req, rep);
}
