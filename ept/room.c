// SPDX-License-Identifier: BSD-2-Clause
// Room for more: what was used least recently goes.
#include "room.h"

#include <caps/ept_map.h>
#include <caps/layout.h>
#include <rt/call.h>
#include <rt/reply.h>

#include "record.h"
#include "tree.h"
#include "unmap.h"
#include "unrecorded.h"

#define AT_ONCE 16u  // every time costs all CPUs a shoot-down

// Of what no record tells of: one that has a record again has been used since.
static unsigned remove_unrecorded(struct reply *rep)
{
    unsigned count = 0;
    for (uint32_t root = 0; root < tree_count(); root++) {
        if (!tree_at(root)->unrecorded)
            continue;
        for (gpa2_t base = { 0 }; count < AT_ONCE && unrecorded_from(root, &base); base.v += LARGE_BYTES) {
            if (record_find(root, base, EPT_LEVEL_4K))
                continue;
            unmap_region(rep, root, base);
            count++;
        }
    }
    return count;
}

static unsigned remove_recorded(struct reply *rep)
{
    struct record *oldest[AT_ONCE];
    const unsigned count = record_oldest(oldest, AT_ONCE);
    // Taking away a large page gives back the record of a page table that was there before.
    for (unsigned i = 0; i < count; i++)
        if (oldest[i]->used != 0)
            unmap_record(rep, oldest[i]);
    return count;
}

static bool remove_tree(struct reply *rep, uint32_t needy)
{
    uint32_t root = tree_oldest_filled(needy);
    if (root == ROOT_NONE) {
        if (tree_at(needy)->used == 0)
            return false;
        root = needy;
    }
    reply_op(rep, OP_EPT_DROP, root, 0, 0, 0);
    tree_emptied(root);
    unmap_apply(rep);
    rt_log(LOG_DEBUG, "no tables left: dropped root %u for root %u", root, needy);
    return true;
}

__attribute__((noinline)) bool room_for_tables(struct reply *rep, uint32_t needy)
{
    unsigned count = remove_unrecorded(rep);
    if (count == 0)
        count = remove_recorded(rep);
    if (count == 0)
        return remove_tree(rep, needy);
    unmap_apply(rep);
    rt_log(LOG_DEBUG, "no tables left: %u went for root %u", count, needy);
    return true;
}

__attribute__((noinline)) void room_for_records(struct reply *rep)
{
    struct record *oldest[AT_ONCE];
    const unsigned count = record_oldest(oldest, AT_ONCE);
    for (unsigned i = 0; i < count; i++) {
        if (oldest[i]->used == 0)
            continue;
        if (oldest[i]->level == EPT_LEVEL_4K && unrecorded_add(oldest[i]->root, oldest[i]->base))
            record_free(oldest[i]);
        else
            unmap_record(rep, oldest[i]);
    }
    unmap_apply(rep);
    rt_log(LOG_DEBUG, "no records left: %u forgotten", count);
}
