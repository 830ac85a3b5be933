// SPDX-License-Identifier: BSD-2-Clause
// Proof: batch_decode(), for a reply that changes between any two reads, decodes as many operations as it says at first, each from a copy that was read once; it refuses more
// than there is room for, ends at the first that is refused, and sets tables aside for all of them (I4, I6).
// CBMC: unwind=5 replace=decode_op:contract_op volatile
#include "any_batch.h"

const struct group_field *group_first[GROUP_COUNT + 1];
uint64_t group_plain[VMCS_KINDS], group_masked[VMCS_KINDS];
static const struct reply *const nowhere = (const struct reply *)0x10000000;  // only ever read by ONCE(), which gives any value each time
static unsigned decoded, refused;
static uint32_t pages, reserved;

// Proofs reply_write, reply_vmcs02, reply_ept02, reply_l1: at most two actions each.
enum status contract_op(struct batch *batch, const struct op *op)
{
    PROVE((uintptr_t)op - (uintptr_t)nowhere >= sizeof(struct reply), "not in the partition's memory");
    PROVE(batch->failed_op == decoded, "which operation it is, is known");
    PROVE(refused == 0, "after one that is refused, none");
    PROVE(batch->action_count <= 2 * decoded && decoded < OP_MAX, "room for two actions more");
    decoded++;
    batch->action_count += any_below(3);
    pages = batch->pages = batch->pages + (any_bool() ? EPT02_MAP_PAGES : 0);
    if (any_bool())
        return STATUS_OK;
    refused++;
    return STATUS_DENIED;
}

bool ept02_reserve(struct ept02_work *work, uint32_t count)
{
    PROVE(work == &the_batch.work, "the batch's");
    reserved = count;
    return any_bool();
}

int main(void)
{
    enum status status = batch_decode(&the_batch, &the_cpu, &the_partition, nowhere);
    PROVE(status != STATUS_OK || refused == 0, "a batch is good if all of it is");
    PROVE(the_batch.action_count <= 2 * OP_MAX, "in the batch");
    if (status == STATUS_OK)
        PROVE(reserved == pages, "tables are set aside");
    PROVE(the_batch.cpu == &the_cpu && the_batch.partition == &the_partition, "for this CPU and partition");
    return 0;
}
