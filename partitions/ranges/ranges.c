// SPDX-License-Identifier: BSD-2-Clause
// ranges, for tests: claims some of an L2's ports, hypercalls and leaves of CPUID, before its hypervisor. It runs no L2s itself and has no right but to say that an
// instruction is done.

#include <rt/partition.h>
#include <rt/reply.h>

#include "ranges.h"

const struct partition_header header PARTITION_SECTION = {
    PARTITION("ranges"),
    .rights = RIGHT_NONE,
    .vmcs[VMCS_KIND_02] = { .read = GROUP_QUALIFICATION, .write = GROUP_RIP },
    .routes = {
        ROUTE_KEYS(L2, IO, GROUP_QUALIFICATION | GROUP_GPR, RANGES_PORT_FIRST, RANGES_PORT_LAST),
        ROUTE_KEYS(L2, IO, GROUP_QUALIFICATION | GROUP_GPR, RANGES_FORWARD_FIRST, RANGES_FORWARD_LAST),
        ROUTE_KEYS(L2, VMCALL, GROUP_GPR, RANGES_NUMBER, RANGES_CRASH),
        ROUTE_KEYS(L2, CPUID, GROUP_GPR, RANGES_NUMBER, RANGES_FORWARD),
    },
};

// Exit qualification (SDM 3C table 28-5 "Exit Qualification for I/O Instructions").
#define IO_IN     8u
#define IO_STRING 16u

static void port(const struct request *req, struct reply *rep)
{
    const uint64_t qualification = req->field[0][VMCS_EXIT_QUALIFICATION], bits = 8 * ((qualification & 7) + 1), all = (1ull << bits) - 1;
    const uint64_t first = qualification >> 16 & 0xffff, value = RANGES_ANSWER + first;
    if (first <= RANGES_FORWARD_LAST || (qualification & IO_STRING)) {
        reply_forward(rep, 0, 0, 0, 0);
        return;
    }
    if (qualification & IO_IN)  // of 4 bytes the upper half is cleared, as ever
        reply_gpr(rep, GPR_RAX, bits == 32 ? value : (req->gpr[GPR_RAX] & ~all) | (value & all));
    reply_advance(rep);
}

void partition_message(const struct request *req, struct reply *rep)
{
    if ((req->kind == MSG_EXIT || req->kind == MSG_KILL) && req->reason == EXIT_VMCALL && req->gpr[GPR_RAX] == RANGES_CRASH)
        __builtin_trap();
    if (req->kind == MSG_KILL)
        reply_forward(rep, 0, 0, 0, 0);
    if (req->kind != MSG_EXIT)
        return;
    if (req->reason == EXIT_IO) {
        port(req, rep);
    } else if ((uint32_t)req->gpr[GPR_RAX] == RANGES_NUMBER) {
        reply_gpr(rep, GPR_RBX, (uint32_t)req->gpr[GPR_RBX] + 1);
        reply_advance(rep);
    } else {
        reply_forward(rep, 0, 0, 0, 0);
    }
}
