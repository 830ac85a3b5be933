// SPDX-License-Identifier: BSD-2-Clause
// Filling EPT02 from EPT12: the wanted leaf, its neighbours, and the tree that they belong in.
#include "fill.h"

#include <caps/ept_map.h>
#include <rt/call.h>
#include <rt/reply.h>

#include "record.h"
#include "tree.h"

// Neighbours: the aligned block of that many entries around the wanted one. A CPU may load any present leaf into its TLB at any
// time, so mapping what wasn't asked for yet is no difference that L1 or L2 can see.
#define AROUND_4K    32u
#define AROUND_LARGE 8u
_Static_assert(AROUND_4K + 2 <= OP_MAX, "a block, EPT_CREATE and EPT_BIND fit one reply");

// The mappings of one batch, to be recorded once the kernel has made them.
struct batch {
    uint32_t root;
    unsigned level;
    gpa2_t base;       // first address of the EPT12 table
    unsigned rights_above;
    bool flags;        // EPT12 has accessed and dirty flags
    unsigned count;
    struct { uint16_t index; uint64_t entry; } page[AROUND_4K];
};

// offset: of the 4 KiB page that is wanted in the leaf: where EPT01 has no page of the leaf's size, the kernel maps the part around it.
static inline void batch_map(struct batch *batch, struct reply *rep, unsigned index, uint64_t entry, uint64_t offset)
{
    const unsigned level = batch->level;
    const uint64_t from = batch->base.v + index * level12_bytes(level) + offset;
    uint64_t rights = entry & batch->rights_above & EPT_RIGHTS;
    // The first write must be seen, so that L1 gets its dirty flag.
    if (batch->flags && !(entry & ENTRY12_DIRTY))
        rights &= ~(uint64_t)EPT_WRITE;
    const uint32_t leaf = ept_map_pack(level, (unsigned)rights, (entry >> 3) & 7, (entry >> 6) & 1);
    reply_op(rep, OP_EPT_MAP, batch->root, leaf, from, leaf12_page(entry, level).v + offset);
    batch->page[batch->count].index = (uint16_t)index;
    batch->page[batch->count].entry = entry;
    batch->count++;
}

// The neighbours that are valid leaves now and aren't mapped like that already.
static void batch_around(struct batch *batch, struct reply *rep, const struct ept12_cpu *cpu, const struct walk12 *walk,
    unsigned wanted, const struct record *known)
{
    unsigned around = walk->level == 0 ? AROUND_4K : AROUND_LARGE;
    unsigned first = wanted & ~(around - 1);
    uint64_t entries[AROUND_4K];
    entries12_read(walk->table, first, around, entries);
    const uint64_t rights = walk->rights_above & EPT_RIGHTS;
    for (unsigned i = 0; i < around; i++) {
        const uint64_t entry = entries[i];
        const unsigned index = first + i;
        if ((entry & rights) == 0 || index == wanted)
            continue;
        // Where nobody has been yet there is no accessed flag; it isn't to be set for a page that nobody wants.
        if (batch->flags && !(entry & ENTRY12_ACCESSED))
            continue;
        if (known && record_maps(known, index) && known->seen[index] == entry)
            continue;
        if (entry12_kind(cpu, entry, walk->level) == ENTRY12_LEAF)
            batch_map(batch, rep, index, entry, 0);
    }
}

static void batch_record(const struct batch *batch)
{
    struct tree *tree = tree_at(batch->root);
    tree->filled = true;
    struct record *record = record_get(batch->root, batch->base, batch->level);
    if (!record) {
        tree->unrecorded = true;
        return;
    }
    for (unsigned i = 0; i < batch->count; i++)
        record_map(record, batch->page[i].index, batch->page[i].entry, batch->rights_above);
}

// Empties the least recently used tree; the one that needs room, if there is no other. False: all are empty.
static bool make_room(struct reply *rep, uint32_t needy)
{
    uint32_t root = tree_oldest_filled(needy);
    if (root == ROOT_NONE) {
        if (!tree_at(needy)->filled)
            return false;
        root = needy;
    }
    reply_op(rep, OP_EPT_DROP, root, 0, 0, 0);
    if (rt_invoke() != STATUS_OK)
        rt_panic("the kernel refuses to empty a tree");
    tree_emptied(root);
    rt_log(LOG_DEBUG, "no tables left: dropped root %u for root %u", root, needy);
    return true;
}

enum status fill(const struct request *req, struct reply *rep, const struct ept12_cpu *cpu, gpa2_t address,
    const struct walk12 *walk)
{
    unsigned index = level12_index(address, walk->level);
    uint64_t bytes = level12_bytes(walk->level);
    uint64_t offset = address.v & (bytes - 1) & PAGE_MASK;
    bool around = true;
    // Every further attempt has given up the neighbours (once) or emptied one more tree.
    for (unsigned attempt = 0; attempt < TREES + 2; attempt++) {
        uint32_t root = tree_find(req->tag);
        bool create = root == ROOT_NONE;
        if (create)
            root = tree_victim();
        struct batch batch;
        batch.root = root;
        batch.level = walk->level;
        batch.rights_above = walk->rights_above;
        batch.flags = req->tag & EPTP12_FLAGS;
        batch.base.v = address.v & ~(bytes * WALK12_ENTRIES - 1);
        batch.count = 0;
        if (create)
            reply_op(rep, OP_EPT_CREATE, root, 0, req->tag, 0);
        // The table decides, not the request: another CPU may have reused the root since.
        if (create || req->root != root)
            reply_op(rep, OP_EPT_BIND, root, 0, 0, 0);
        batch_map(&batch, rep, index, walk->entry, offset);
        if (around)
            batch_around(&batch, rep, cpu, walk, index, create ? 0 : record_find(root, address, walk->level));

        enum status status = rt_invoke();
        if (status == STATUS_OK) {
            if (create)
                tree_assign(root, req->tag);
            tree_touch(root);
            batch_record(&batch);
            return STATUS_OK;
        }
        if (status == STATUS_BAD_ADDRESS && around) {
            around = false;   // a neighbour's page, perhaps
            continue;
        }
        if (status != STATUS_NO_TABLES && status != STATUS_NO_MEMORY)
            return status;
        if (make_room(rep, root))
            continue;
        if (!around)
            return status;
        around = false;
    }
    return STATUS_NO_TABLES;
}
