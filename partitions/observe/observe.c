// SPDX-License-Identifier: BSD-2-Clause
// observe: counts every exit of L1 and L2 by reason, and may do nothing about any of them. Answers a hypercall with its counters.

#include <caps/hypercall.h>
#include <rt/partition.h>
#include <rt/reply.h>
#include <rt/state.h>

#define SEES (GROUPS_EXIT | GROUPS_RIP | GROUP_GPR)

const struct partition_header header PARTITION_SECTION = {
    PARTITION("observe"),
    .rights = RIGHT_NONE,
    .vmcs[VMCS_KIND_01] = { .read = GROUPS_EXIT | GROUPS_RIP, .write = GROUP_RIP },  // to step over its own hypercall
    .routes = {
        OBSERVE(L1, 0),  // no fields, no registers: the reason is part of every message
        OBSERVE(L2, 0),
        ROUTE_KEYS(L1, VMCALL, SEES, HYPERCALL_OBSERVE_COUNT, HYPERCALL_OBSERVE_COUNT),
    },
};

// L1 and L2. Exits of PALs are shown to nobody.
enum { LEVELS = ORIGIN_L2 + 1 };

// Each CPU counts for itself: no lock, and a roll-back takes away just its own message's count.
STATE static uint64_t seen[CPU_MAX][LEVELS][EXIT_REASON_COUNT];

static void count(const struct request *req)
{
    const unsigned reason = req->reason & EXIT_REASON_BASIC;
    if (reason >= EXIT_REASON_COUNT)
        return;
    uint64_t *counter = &seen[req->cpu][req->origin][reason];
    state_set(counter, *counter + 1);
}

static uint64_t total(uint64_t level, uint64_t reason)
{
    if (level < 1 || level > LEVELS || reason >= EXIT_REASON_COUNT)
        return ~0ull;
    uint64_t sum = 0;
    for (unsigned cpu = 0; cpu < CPU_MAX; cpu++)
        sum += seen[cpu][level - 1][reason];
    return sum;
}

void partition_message(const struct request *req, struct reply *rep)
{
    if (req->kind != MSG_EXIT)
        return;
    if (req->flags & REQUEST_OBSERVED) {
        count(req);
        return;
    }
    reply_gpr(rep, GPR_RAX, total(req->gpr[GPR_RCX], req->gpr[GPR_RBX]));
    reply_advance_rip(req, rep);
}
