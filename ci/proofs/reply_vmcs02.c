// SPDX-License-Identifier: BSD-2-Clause
// Proof: of an operation on a VMCS02 (VMCS_RESET, VMCS_CLEAR, VMCS_EPT, VMCS_FLUSH, BITMAP) decode_op() accepts only what the header grants: an own VMCS02, that this
// CPU holds and the batch has not given up; the bitmap's kind and quadword are in range; what is to be done is what was checked (I4, I5).
// CBMC: unwind=7
#include "any_batch.h"

static void prove(enum op_code code, unsigned actions)
{
    any_batch(actions);
    const struct op op = any_op(code);
    uint64_t cleared = the_batch.cleared;
    if (decode_op(&the_batch, &op) != STATUS_OK)
        return;
    const struct action *action = one_action(actions, &op);
    PROVE(the_partition.header.rights & RIGHT_VMCS02, "by right");
    PROVE(took && action->vmcs02 == &the_vmcs02, "the VMCS02, held by this CPU");
    PROVE(!(cleared >> the_vmcs02.owner_index & 1), "that the batch has not given up");
    PROVE(the_batch.cleared == (code == OP_VMCS_CLEAR ? cleared | 1ull << the_vmcs02.owner_index : cleared), "and gives up only by VMCS_CLEAR");
    if (code == OP_BITMAP)
        PROVE(op.a >> 16 < BITMAP_KINDS && (op.a & 0xffff) < 512, "a quadword of a bitmap that there is");
    if (code == OP_VMCS_EPT)
        PROVE(op.b != VMCS02_TAG_NONE, "a tag that a tree can have");
}

int main(void)
{
    // The first operation of a batch, and one behind as many as there can be.
    switch (any_below(6)) {
    case 0: prove(OP_VMCS_RESET, 0); break;
    case 1: prove(OP_VMCS_CLEAR, 0); break;
    case 2: prove(OP_VMCS_EPT, 0); break;
    case 3: prove(OP_VMCS_FLUSH, 0); break;
    case 4: prove(OP_BITMAP, 0); break;
    default: prove(OP_VMCS_CLEAR, 2 * OP_MAX - 2); break;
    }
    return 0;
}
