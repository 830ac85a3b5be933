// SPDX-License-Identifier: BSD-2-Clause
// report: lets privileged software of L1 read what the kernel records, a line of 64 bytes a hypercall. What the bytes mean is the reader's
// business (bhctl/); no memory of L1 is touched. And lets it have a fault injected, where the configuration lets it.

#include <caps/hypercall.h>
#include <caps/inject.h>
#include <rt/call.h>
#include <rt/partition.h>
#include <rt/records.h>
#include <rt/reply.h>

// By the port alone: the records tell addresses, what all of the machine does, and registers, VMCS fields and arguments of the last messages.
const struct partition_header header PARTITION_SECTION = {
    PARTITION("report"),
    .rights = RIGHT_RECORDS | RIGHT_INJECT,
    .vmcs[VMCS_KIND_01] = { .write = GROUP_RIP },
    .routes = { ROUTE_KEYS(L1, IO, GROUP_GPR, HYPERCALL_PORT, HYPERCALL_PORT) },
};

// Of some partitions nobody is to see what travels with their messages: nothing is there.
static bool is_there(uint64_t offset)
{
    const uint32_t cpus = rt_records.machine.cpu_count;
    const uint64_t rings = RECORDS_RINGS_BASE(cpus) - RECORDS_BASE;
    return offset < rings || (offset < rt_records.machine.bytes && rt_records.machine.channels[(offset - rings) / RECORDS_RING_BYTES / cpus] != 0);
}

// R8 to R15 get the line at the offset. How many bytes that were: none where there is no such line.
static uint64_t read_line(uint64_t offset, struct reply *rep)
{
    if (offset % REPORT_LINE != 0 || !is_there(offset))
        return 0;
    const volatile uint64_t *line = (const volatile uint64_t *)((uintptr_t)&rt_records + offset);
    for (unsigned i = 0; i < REPORT_LINE / sizeof(*line); i++)
        reply_gpr(rep, (enum gpr)(GPR_R8 + i), line[i]);
    return REPORT_LINE;
}

// The kernel knows which partition and kind it may be; what no operation can say is refused here.
static enum status inject(const uint64_t gpr[GPR_COUNT], struct reply *rep)
{
    const uint64_t partition = gpr[GPR_RBX], kind = gpr[GPR_RCX], number = gpr[GPR_RSI], instruction = gpr[GPR_RDI];
    if (partition >= PARTITION_MAX || kind == INJECT_NONE || kind > INJECT_ON_REQUEST || number == 0 || number > UINT32_MAX || instruction > UINT32_MAX)
        return STATUS_BAD_ARG;
    reply_op(rep, OP_INJECT, (uint32_t)partition, (uint32_t)kind, number, instruction);
    return rt_invoke();
}

void partition_message(const struct request *req, struct reply *rep)
{
    if (req->kind != MSG_EXIT)
        return;
    switch (req->gpr[GPR_RAX]) {
    case HYPERCALL_REPORT_READ: reply_gpr(rep, GPR_RAX, read_line(req->gpr[GPR_RBX], rep)); break;
    case HYPERCALL_REPORT_INJECT: reply_gpr(rep, GPR_RAX, inject(req->gpr, rep)); break;
    default: reply_forward(rep, 0, 0, 0, 0); return;  // the port has all numbers: another partition's
    }
    reply_advance_rip(req, rep);
}
