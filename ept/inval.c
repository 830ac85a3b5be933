// SPDX-License-Identifier: BSD-2-Clause
// INVEPT of L1: trees are re-validated against EPT12, not thrown away.
#include "inval.h"

#include <caps/ept_map.h>
#include <rt/guest.h>
#include <rt/reply.h>

#include "record.h"
#include "tree.h"
#include "unmap.h"
#include <rt/walk12.h>

// The bits of a leaf that a mapping is made from, but for the rights.
static uint64_t leaf_bits(uint64_t entry, unsigned level)
{
    // Address, memory type, ignore-PAT; bit 7 tells a leaf from a table, above the lowest level.
    return entry & (WALK12_ADDRESS | 0x78ull | (level > 0 ? 0x80ull : 0));
}

// Whether EPT12 still grants what was mapped. Bits that make a leaf a leaf of that level are part of the comparison; what is left
// to make it a misconfiguration is writing without reading.
//   flags: accessed and dirty flags count: one that L1 took away has to be set again by L2's next access
static bool still_holds(const struct record *record, uint64_t seen, uint64_t now, unsigned rights_above, bool flags)
{
    const unsigned level = record->level;
    if (flags && (seen & ~now & (ENTRY12_ACCESSED | ENTRY12_DIRTY)))
        return false;
    const uint64_t rights = rights_above & now, had = record->rights & seen;
    return leaf_bits(now, level) == leaf_bits(seen, level) && !(had & ~rights) && (now & (EPT_READ | EPT_WRITE)) != EPT_WRITE;
}

// What nearly every record meets: nothing has changed. The entries above are what they were at every mapping: then the table is where it was, and grants what it
// did; accessed flags that L1 took away would be a change, and where some could not be set the record is `mixed`.
static inline bool record_holds(const struct record *record) { return record->run_kept && guest_run_holds(&record->run); }

// The same of one by which something was mapped since.
static bool record_keeps(uint64_t tag, struct record *record)
{
    record->run_kept = !record->mixed && guest_run_keep((gpa1_t){ tag & WALK12_ADDRESS }, record->base.v + record->low * level12_bytes(record->level),
                                                        record->level, record->path, &record->seen[record->low], (uint64_t)(record->high - record->low),
                                                        &record->run);
    return record_holds(record);
}

// Where the record's table is now; false: it isn't there any more.
static bool find_table(uint64_t tag, struct record *record, struct walk12 *walk)
{
    walk12_into(&tree_cpu, tag, record->base, record->level, walk);
    if (walk->level != record->level)
        return false;
    // Every entry is about to be looked at, by what they grant.
    for (unsigned level = record->level + 1u; level < WALK12_LEVELS; level++)
        record->path[level] = walk->path.entry[level];
    record->mixed = record->run_kept = false;
    return true;
}

static __attribute__((noinline)) void revalidate_record(struct reply *rep, uint64_t tag, struct record *record)
{
    struct walk12 walk;
    if (!record->run_kept && record_keeps(tag, record))
        return;
    const bool flags = tag & EPTP12_FLAGS;
    const bool there = find_table(tag, record, &walk) && !(flags && walk.unaccessed);
    // Fewer rights above: each entry has to be looked at, even if it is what it was.
    const bool fewer = there && (record->rights & ~walk.rights_above);
    bool changed = false;
    for (unsigned index = record->low; index < record->high; index++) {
        uint64_t equal = 0, now = ~0ull;  // what EPT01 doesn't map reads as all-ones
        if (there && !fewer && guest_compare(entry12_address(walk.table, index), &record->seen[index], record->high - index, &equal)) {
            index += (unsigned)equal;
            if (index == record->high)
                break;
        }
        changed = true;
        if (there && !guest_read64(entry12_address(walk.table, index), &now))
            now = ~0ull;
        if (record_maps(record, index) && !(there && still_holds(record, record->seen[index], now, walk.rights_above, flags)))
            unmap_entry(rep, record, index);
        record->seen[index] = now;
    }
    if (!changed)
        return;
    if (there)
        record->rights &= (uint16_t)walk.rights_above;
    if (record_is_empty(record))
        unmap_record(rep, record);
}

static inline struct record *first_changed(struct record *record)
{
    for (; record; record = record->after)
        if (__builtin_expect(!record_holds(record), 0))
            break;
    return record;
}

// From a record on that may not hold.
static __attribute__((noinline)) void revalidate_from(struct reply *rep, uint64_t tag, struct record *record)
{
    for (struct record *after; record; record = first_changed(after)) {
        after = record->after;  // it may be given back
        revalidate_record(rep, tag, record);
    }
    unmap_apply(rep);
}

static void revalidate(struct reply *rep, uint32_t root, const struct tree *tree)
{
    if (tree->unrecorded)
        unmap_unrecorded(rep, root);
    revalidate_from(rep, tree->tag, first_changed(*record_first(root)));
}

// Whether one of the trees has just that tag.
static bool revalidate_trees(struct reply *rep, enum invept_type type, uint64_t eptp12)
{
    bool known = false;
    for (uint32_t root = 0; root < tree_count(); root++) {
        const struct tree *tree = tree_at(root);
        const uint64_t differs = tree->tag ^ eptp12;
        if (type == INVEPT_SINGLE && (differs & WALK12_ADDRESS))
            continue;
        known |= (tree->tag & ~EPTP12_OF_TAG) == eptp12;
        revalidate(rep, root, tree);
    }
    return known;
}

void inval(struct reply *rep, enum invept_type type, uint64_t eptp12)
{
    tree_enter_settled();
    (void)revalidate_trees(rep, type, eptp12);
    tree_leave();
}

// The tree of the last EPTP12 that was known, and where its records begin.
static const struct tree none;
static struct { const struct tree *tree; struct record *const *first; } last = { &none, 0 };

static __attribute__((noinline)) bool revalidate_known(struct reply *rep, uint64_t eptp12)
{
    const bool known = revalidate_trees(rep, INVEPT_SINGLE, eptp12);
    const uint32_t root = known ? tree_find(eptp12) : ROOT_NONE;
    if (root != ROOT_NONE) {
        last.tree = tree_at(root);
        last.first = record_first(root);
    }
    tree_leave();
    return known && eptp12 != 0;
}

bool inval_known(struct reply *rep, uint64_t eptp12)
{
    tree_enter_settled();
    if (__builtin_expect(last.tree->tag != eptp12 || last.tree->both != TREE_PLAIN, 0))
        return revalidate_known(rep, eptp12);
    struct record *changed = first_changed(*last.first);
    if (__builtin_expect(changed != 0, 0))
        revalidate_from(rep, eptp12, changed);
    tree_leave();
    return true;
}

void inval_reset(struct reply *rep)
{
    tree_enter();
    for (uint32_t root = 0; root < TREES; root++)
        reply_op(rep, OP_EPT_DROP, root, 0, 0, 0);
    unmap_apply(rep);
    tree_reset();
    tree_leave();
}
