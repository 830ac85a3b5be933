// SPDX-License-Identifier: BSD-2-Clause
#include "commit.h"

#include <rt/reply.h>
#include <rt/state.h>
#include <rt/string.h>

#include "end.h"
#include "share.h"

#define COMMIT_OPS 8

struct commit {
    uint32_t valid, sequence;
    uint32_t pal, from, to;
    uint32_t set, vmcs02;
    uint16_t verdict, op_count;
    uint64_t arg[MSG_ARGS];
    uint64_t gpr[GPR_COUNT];
    struct op op[COMMIT_OPS];
};
STATE static struct commit commits[CPU_MAX];

static void answer(const struct commit *c, struct reply *rep)
{
    rep->verdict = c->verdict;
    rep->vmcs02 = c->vmcs02;
    rep->set = c->set;
    rep->op_count = c->op_count;
    memcpy(rep->arg, c->arg, sizeof(c->arg));
    memcpy(rep->gpr, c->gpr, sizeof(c->gpr));
    memcpy(rep->op, c->op, c->op_count * sizeof(c->op[0]));
}

// What may have been done already.
static void settle(const struct commit *c, uint32_t cpu, struct reply *rep)
{
    struct pal *pal = &pal_table[c->pal];
    if (pal_is(pal, PAL_SHARING, cpu))
        share_keep(pal);
    (void)pal_release(pal, cpu, (enum pal_state)c->from, (enum pal_state)c->to);
    if (c->to == PAL_ENDING && pal_is(pal, PAL_ENDING, cpu)) {
        end_pages(pal, rep);
        answer(c, rep);
    }
}

void commit(const struct request *req, struct reply *rep, struct pal *pal, enum pal_state from, enum pal_state to)
{
    struct commit *c = &commits[req->cpu];
    if (rep->op_count > COMMIT_OPS)
        rt_panic("more operations than are kept");
    c->sequence = req->sequence;
    c->pal = pal_number(pal);
    c->from = (uint32_t)from;
    c->to = (uint32_t)to;
    c->set = rep->set;
    c->vmcs02 = rep->vmcs02;
    c->verdict = rep->verdict;
    c->op_count = rep->op_count;
    memcpy(c->arg, rep->arg, sizeof(c->arg));
    memcpy(c->gpr, rep->gpr, sizeof(c->gpr));
    memcpy(c->op, rep->op, rep->op_count * sizeof(c->op[0]));
    __atomic_store_n(&c->valid, 1u, __ATOMIC_RELEASE);
    settle(c, req->cpu, rep);
}

void commit_init(uint64_t unfinished)
{
    for (uint32_t cpu = 0; cpu < CPU_MAX; cpu++) {
        const struct request *last = unfinished >> cpu & 1 ? state_last_request(cpu) : NULL;
        // One that had come again was cut short as well: what isn't of its first time was forgotten by then.
        if (last == NULL || (last->attempt == 0 && commits[cpu].sequence != last->sequence))
            commits[cpu].valid = 0;
    }
}

bool commit_waits(const struct pal *pal)
{
    const struct commit *c = &commits[pal->place.as.cpu];
    return c->valid && c->pal == pal_number(pal);
}

bool commit_again(const struct request *req, struct reply *rep)
{
    const struct commit *c = &commits[req->cpu];
    if (!c->valid)
        return false;
    answer(c, rep);
    settle(c, req->cpu, rep);
    return true;
}

void commit_forget(uint32_t cpu) { commits[cpu].valid = 0; }
