// SPDX-License-Identifier: BSD-2-Clause
// Taking mappings out of the trees.
#include "unmap.h"

#include <caps/ept_map.h>
#include <caps/layout.h>
#include <rt/call.h>
#include <rt/reply.h>

#include "tree.h"
#include "unrecorded.h"

__attribute__((noinline)) void unmap_apply(struct reply *rep)
{
    if (rep->op_count != 0 && rt_invoke() != STATUS_OK)
        rt_panic("the kernel refuses to remove mappings");
}

static void ask(struct reply *rep, uint32_t root, unsigned level, uint64_t address)
{
    reply_op(rep, OP_EPT_UNMAP, root, level, address, 0);
    if (rep->op_count == OP_MAX)
        unmap_apply(rep);
}

void unmap_entry(struct reply *rep, struct record *record, unsigned index)
{
    record_unmap(record, index);
    ask(rep, record->root, record->level, record->base.v + index * level12_bytes(record->level));
}

void unmap_region(struct reply *rep, uint32_t root, gpa2_t base)
{
    struct record *record = record_find(root, base, EPT_LEVEL_4K);
    ask(rep, root, EPT_LEVEL_2M, base.v);
    unrecorded_remove(root, base);
    if (record)
        record_free(record);
}

void unmap_record(struct reply *rep, struct record *record)
{
    if (record->level == EPT_LEVEL_4K) {
        unmap_region(rep, record->root, record->base);
        return;
    }
    // The kernel may have mapped a large page as pages of a table. There may be a record of one, too, from before EPT12 had that page.
    for (unsigned index = record->low; index < record->high; index++) {
        if (!record_maps(record, index))
            continue;
        if (record->level == EPT_LEVEL_2M)
            unmap_region(rep, record->root, (gpa2_t){ record->base.v + index * LARGE_BYTES });
        else
            unmap_entry(rep, record, index);
    }
    record_free(record);
}

void unmap_unrecorded(struct reply *rep, uint32_t root)
{
    for (gpa2_t base = { 0 }; unrecorded_from(root, &base); base.v += LARGE_BYTES)
        unmap_region(rep, root, base);
    tree_at(root)->unrecorded = false;
}
