// SPDX-License-Identifier: BSD-2-Clause
// Proof: a message's slot lies in its ring for every sequence number, also where the numbers wrap; the last RING_SLOTS messages have slots of their
// own; requests lie in the pages that the partition can't write, replies in those that it can; a CPU's channel stays in its own place (I5).
// CBMC: unwind=1
#include "proof.h"

#include <caps/records.h>
#include <caps/ring.h>

int main(void)
{
    uint32_t sequence = any_u32(), back = any_below(RING_SLOTS), cpu = any_below(CPU_MAX);
    PROVE(ring_slot(sequence) < RING_SLOTS, "in the ring");
    PROVE(ring_slot(sequence + 1) == (ring_slot(sequence) + 1) % RING_SLOTS, "the next message has the next slot, also behind 2^32");
    PROVE(back == 0 || ring_slot(sequence - back) != ring_slot(sequence), "the messages before keep theirs");

    uint64_t request = offsetof(struct channel, request) + ring_slot(sequence) * PAGE_BYTES;
    uint64_t reply = offsetof(struct channel, reply) + ring_slot(sequence) * PAGE_BYTES;
    PROVE(request + sizeof(struct request) <= RING_SLOTS * PAGE_BYTES, "a request lies in the read-only pages");
    PROVE(reply >= RING_SLOTS * PAGE_BYTES && reply + sizeof(struct reply) <= offsetof(struct channel, out), "a reply behind them");
    PROVE(CHANNEL_BASE + cpu * CHANNEL_STRIDE + sizeof(struct channel) <= CHANNEL_BASE + (cpu + 1) * CHANNEL_STRIDE, "a channel in its place");
    PROVE(CHANNEL_BASE + CPU_MAX * CHANNEL_STRIDE <= STACK_BASE && STACK_BASE + CPU_MAX * STACK_STRIDE <= RECORDS_BASE, "and all of them in theirs");
    PROVE(RECORDS_CPU_BASE(CPU_MAX) <= WINDOW_BASE && RECORDS_CPU_BASE(cpu) % PAGE_BYTES == 0, "the records in theirs");
    return 0;
}
