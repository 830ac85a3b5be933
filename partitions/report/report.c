// SPDX-License-Identifier: BSD-2-Clause
// report: lets privileged software of L1 read what the kernel records, a line of 64 bytes a hypercall. What the bytes mean is the reader's
// business (bhctl/); no memory of L1 is touched.

#include <caps/hypercall.h>
#include <rt/partition.h>
#include <rt/records.h>
#include <rt/reply.h>

// By the port alone: the records tell addresses and what all of the machine does.
const struct partition_header header PARTITION_SECTION = {
    PARTITION("report"),
    .rights = RIGHT_RECORDS,
    .vmcs[VMCS_KIND_01] = { .write = GROUP_RIP },
    .routes = { ROUTE_KEYS(L1, IO, GROUP_GPR, HYPERCALL_PORT, HYPERCALL_PORT) },
};

// R8 to R15 get the line at the offset. How many bytes that were: none where there is no such line.
static uint64_t read_line(uint64_t offset, struct reply *rep)
{
    if (offset % REPORT_LINE != 0 || offset >= rt_records.machine.bytes)
        return 0;
    const volatile uint64_t *line = (const volatile uint64_t *)((uintptr_t)&rt_records + offset);
    for (unsigned i = 0; i < REPORT_LINE / sizeof(*line); i++)
        reply_gpr(rep, (enum gpr)(GPR_R8 + i), line[i]);
    return REPORT_LINE;
}

void partition_message(const struct request *req, struct reply *rep)
{
    if (req->kind != MSG_EXIT)
        return;
    if (req->gpr[GPR_RAX] != HYPERCALL_REPORT_READ) {
        reply_forward(rep, 0, 0, 0, 0);  // the port has all numbers: another partition's
        return;
    }
    reply_gpr(rep, GPR_RAX, read_line(req->gpr[GPR_RBX], rep));
    reply_advance_rip(req, rep);
}
