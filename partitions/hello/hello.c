// SPDX-License-Identifier: BSD-2-Clause
// hello: the smallest useful partition. Answers two hypercalls of L1 (caps/hypercall.def); docs/partitions.md leads through it.

#include <caps/hypercall.h>
#include <rt/partition.h>
#include <rt/reply.h>

const struct partition_header header PARTITION_SECTION = {
    PARTITION("hello"),
    .rights = RIGHT_NONE,
    .vmcs[VMCS_KIND_01] = { .write = GROUP_RIP },
    .routes = {
        ROUTE_KEYS(L1, VMCALL, GROUP_GPR, HYPERCALL_NULL, HYPERCALL_HELLO),
        ROUTE_KEYS(L1, IO, GROUP_GPR, HYPERCALL_PORT, HYPERCALL_PORT),
    },
};

static const char greeting[] = "Hello from ring 3 of VMX root.";

// 8 bytes of the greeting from byte offset on, the first in the lowest byte; 0 behind its end.
static uint64_t greeting_part(uint64_t offset)
{
    uint64_t part = 0;
    for (unsigned i = 0; i < 8 && offset < sizeof(greeting) && i < sizeof(greeting) - offset; i++)
        part |= (uint64_t)(uint8_t)greeting[offset + i] << (8 * i);
    return part;
}

void partition_message(const struct request *req, struct reply *rep)
{
    if (req->kind != MSG_EXIT)
        return;  // MSG_INIT: nothing to prepare

    const uint64_t number = req->gpr[GPR_RAX], argument = req->gpr[GPR_RBX];
    if (number == HYPERCALL_NULL) {
        reply_gpr(rep, GPR_RAX, 0);
        reply_gpr(rep, GPR_RBX, argument + 1);
    } else if (number == HYPERCALL_HELLO) {
        reply_gpr(rep, GPR_RAX, greeting_part(argument));
    } else {
        reply_forward(rep, 0, 0, 0, 0);  // the port has all numbers: another partition's
        return;
    }
    reply_advance_rip(req, rep);
}
