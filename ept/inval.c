// SPDX-License-Identifier: BSD-2-Clause
// INVEPT of L1: trees are re-validated against EPT12, not thrown away.
#include "inval.h"

#include <caps/ept_map.h>
#include <rt/call.h>
#include <rt/info.h>
#include <rt/reply.h>

#include "record.h"
#include "tree.h"
#include "walk12.h"

static uint64_t entries[WALK12_ENTRIES];  // of an EPT12 table as it is now; under tree_lock

static void apply(struct reply *rep)
{
    if (rep->op_count != 0 && rt_invoke() != STATUS_OK)
        rt_panic("the kernel refuses to remove mappings");
}

static void drop(struct reply *rep, uint32_t root)
{
    reply_op(rep, OP_EPT_DROP, root, 0, 0, 0);
    apply(rep);
    tree_emptied(root);
}

// Whether EPT12 still grants what was mapped. Bits that make a leaf a leaf of that level are part of the comparison; what is left
// to make it a misconfiguration is writing without reading.
static bool still_holds(uint64_t mapped, uint64_t now, unsigned rights_above, unsigned level)
{
    unsigned rights = rights_above & now & EPT_RIGHTS;
    return record_entry(now, 0, level) == (mapped & ~(uint64_t)EPT_RIGHTS) && !(mapped & EPT_RIGHTS & ~(uint64_t)rights) &&
        (now & (EPT_READ | EPT_WRITE)) != EPT_WRITE;
}

static void revalidate_record(struct reply *rep, const struct ept12_cpu *cpu, uint64_t tag, uint32_t root, struct record *record)
{
    unsigned level = record->level;
    struct walk12 walk = walk12(cpu, tag, record->base, level);
    unsigned low = record->low, high = record->high;
    bool there = walk.level == level;  // ended above: the table isn't there any more
    if (there)
        entries12_read(walk.table, low, high - low, entries);
    for (unsigned index = low; index < high; index++) {
        uint64_t mapped = record->entry[index];
        if (mapped == 0 || (there && still_holds(mapped, entries[index - low], walk.rights_above, level)))
            continue;
        if (rep->op_count == OP_MAX)
            apply(rep);
        reply_op(rep, OP_EPT_UNMAP, root, level, record->base.v + index * level12_bytes(level), 0);
        record_set(record, index, 0);
    }
    if (record->count == 0)
        record_free(record);
}

static void revalidate(struct reply *rep, const struct ept12_cpu *cpu, uint32_t root)
{
    const struct tree *tree = tree_at(root);
    if (!tree->filled)
        return;
    if (tree->unrecorded) {
        drop(rep, root);
        return;
    }
    uint32_t position = 0;
    for (struct record *record; (record = record_next(root, &position)) != 0;)
        revalidate_record(rep, cpu, tree->tag, root, record);
    apply(rep);
}

void inval(struct reply *rep, enum invept_type type, uint64_t eptp12)
{
    const struct ept12_cpu cpu = ept12_cpu(info);
    state_lock(&tree_lock);
    for (uint32_t root = 0; root < TREES; root++) {
        uint64_t tag = tree_at(root)->tag;
        if (tag != 0 && (type == INVEPT_ALL || ((tag ^ eptp12) & WALK12_ADDRESS) == 0))
            revalidate(rep, &cpu, root);
    }
    state_unlock(&tree_lock);
}

void inval_reset(struct reply *rep)
{
    state_lock(&tree_lock);
    for (uint32_t root = 0; root < TREES; root++)
        reply_op(rep, OP_EPT_DROP, root, 0, 0, 0);
    apply(rep);
    tree_reset();
    state_unlock(&tree_lock);
}
