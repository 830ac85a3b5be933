// SPDX-License-Identifier: BSD-2-Clause
// report: lets privileged software of L1 read what the kernel records, a line of 64 bytes a hypercall. What the bytes mean is the reader's
// business (bhctl/), but for what would tell of a PAL's secrets; no memory of L1 is touched. And lets it have a fault injected, where the configuration lets it.

#include <stddef.h>

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

// Whether a word of a CPU's events, which was read when its next one was number next or later, is where a PAL was or what it touched. The CPU goes on writing: of the event
// that it is at the head may be the old one still, or the new one already, so that nobody's is shown.
static bool is_pals(const volatile struct event_ring *ring, uint64_t offset, uint32_t next)
{
    const uint64_t at = offset - offsetof(struct event_ring, slot), member = at % sizeof(struct event);
    if (at >= sizeof(ring->slot) || (member != offsetof(struct event, rip) && member != offsetof(struct event, qualification)))
        return false;
    const uint32_t slot = (uint32_t)(at / sizeof(struct event));
    const struct event event = { .head = ring->slot[slot].head };
    return event_hides(&event) || (slot - next) % EVENT_SLOTS <= ring->next - next;
}

// R8 to R15 get the line at the offset. How many bytes that were: none where there is no such line.
static uint64_t read_line(uint64_t offset, struct reply *rep)
{
    if (offset % REPORT_LINE != 0 || !is_there(offset))
        return 0;
    const uint64_t first = RECORDS_CPU_BASE(0) - RECORDS_BASE, end = RECORDS_RINGS_BASE(rt_records.machine.cpu_count) - RECORDS_BASE;
    const uint64_t base = offset - (offset - first) % sizeof(struct records_cpu);  // of the CPU's part in which the line is
    const volatile struct event_ring *ring = offset >= first && offset < end ? (const volatile struct event_ring *)((uintptr_t)&rt_records + base) : NULL;
    const uint32_t next = ring != NULL ? ring->next : 0;
    const volatile uint64_t *line = (const volatile uint64_t *)((uintptr_t)&rt_records + offset);
    for (unsigned i = 0; i < REPORT_LINE / sizeof(*line); i++) {
        const uint64_t word = line[i];
        reply_gpr(rep, (enum gpr)(GPR_R8 + i), ring != NULL && is_pals(ring, offset + i * sizeof(*line) - base, next) ? 0 : word);
    }
    return REPORT_LINE;
}
_Static_assert(offsetof(struct records_cpu, events) == 0, "they come first");

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
