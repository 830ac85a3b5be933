// SPDX-License-Identifier: BSD-2-Clause
// Filling EPT02 from EPT12: the wanted leaf, its neighbours, and the tree that they belong in.
#include "fill.h"

#include <caps/ept_map.h>
#include <rt/call.h>
#include <rt/reply.h>

#include "record.h"
#include "tree.h"

// Neighbours: the aligned block of that many entries around the wanted one, of a table of which nothing is mapped yet fewer. A CPU may load any present
// leaf into its TLB at any time, so mapping what wasn't asked for yet is no difference that L1 or L2 can see.
#define AROUND_4K    32u
#define AROUND_FIRST 8u
#define AROUND_LARGE 8u
_Static_assert(AROUND_4K <= EPT_RUN_MAX && AROUND_LARGE + 2 <= OP_MAX, "a block, EPT_CREATE and EPT_BIND fit one reply");

// The mappings of one batch, to be recorded once the kernel has made them.
struct batch {
    uint32_t root;
    const struct walk12 *walk;
    gpa2_t base;       // first address of the EPT12 table
    uint64_t offset;   // of the 4 KiB page that is wanted in its leaf: where EPT01 has no page of the leaf's size, the kernel maps the part around it
    bool flags;        // EPT12 has accessed and dirty flags
    unsigned wanted;   // its index
    unsigned first, count;  // the block
    uint64_t mask;          // which of it are mapped
    uint64_t entries[AROUND_4K];
};

// The rights of the leaf that an entry becomes.
static inline uint64_t leaf_rights(const struct batch *batch, uint64_t entry)
{
    const uint64_t rights = entry & batch->walk->rights_above & EPT_RIGHTS;
    // The first write must be seen, so that L1 gets its dirty flag.
    return batch->flags && !(entry & ENTRY12_DIRTY) ? rights & ~(uint64_t)EPT_WRITE : rights;
}

// Whether a neighbour is a leaf to be mapped that isn't mapped like that already.
static inline bool is_wanted(const struct batch *batch, uint64_t entry, unsigned index, const struct record *known)
{
    if ((entry & batch->walk->rights_above & EPT_RIGHTS) == 0)
        return false;
    // Where nobody has been yet there is no accessed flag; it isn't to be set for a page that nobody wants.
    if (batch->flags && !(entry & ENTRY12_ACCESSED))
        return false;
    if (known && record_maps(known, index) && known->seen[index] == entry)
        return false;
    return (batch->walk->level == 0 && entry12_is_plain(&tree_cpu, entry)) || entry12_kind(&tree_cpu, entry, batch->walk->level) == ENTRY12_LEAF;
}

// The block around the wanted entry, which has been read already and is judged by that.
static void batch_around(struct batch *batch, const struct record *known)
{
    const unsigned count = batch->walk->level != 0 ? AROUND_LARGE : known ? AROUND_4K : AROUND_FIRST, first = batch->wanted & ~(count - 1);
    uint64_t mask = 1ull << (batch->wanted - first);
    entries12_read(batch->walk->table, first, count, batch->entries);
    batch->entries[batch->wanted - first] = batch->walk->entry;
    for (unsigned i = 0; i < count; i++) {
        // In a table with few entries four are passed at a time.
        const uint64_t *entry = &batch->entries[i];
        if (i % 4 == 0 && (entry[0] | entry[1] | entry[2] | entry[3]) == 0)
            i += 3;
        else if (is_wanted(batch, *entry, first + i, known))
            mask |= 1ull << i;
    }
    batch->first = first;
    batch->count = count;
    batch->mask = mask;
}

// One operation for all 4 KiB pages; larger ones have one each.
static void batch_ask(const struct batch *batch, struct reply *rep)
{
    const unsigned level = batch->walk->level;
    if (level == 0) {
        const unsigned low = (unsigned)__builtin_ctzll(batch->mask), high = 63u - (unsigned)__builtin_clzll(batch->mask);
        uint64_t *place = rep->field[0], asked = batch->mask >> low;
        for (const uint64_t *entry = &batch->entries[low]; asked != 0; entry++, asked >>= 1)
            *place++ = asked & 1 ? (*entry & (EPT_RUN_ADDRESS | EPT_RUN_TYPE)) | leaf_rights(batch, *entry) : 0;
        reply_op(rep, OP_EPT_MAP_RUN, batch->root, high - low + 1, batch->base.v + (batch->first + low) * PAGE_BYTES, 0);
        return;
    }
    for (uint64_t left = batch->mask; left != 0; left &= left - 1) {
        const unsigned i = (unsigned)__builtin_ctzll(left), index = batch->first + i;
        const uint64_t entry = batch->entries[i], offset = index == batch->wanted ? batch->offset : 0;
        const uint32_t leaf = ept_map_pack(level, (unsigned)leaf_rights(batch, entry), (entry >> 3) & 7, (entry >> 6) & 1);
        reply_op(rep, OP_EPT_MAP, batch->root, leaf, batch->base.v + index * level12_bytes(level) + offset, leaf12_page(entry, level).v + offset);
    }
}

static void batch_record(const struct batch *batch, struct record *known)
{
    struct tree *tree = tree_at(batch->root);
    tree->filled = true;
    struct record *record = record_get(batch->root, batch->base, batch->walk, known);
    if (!record)
        tree->unrecorded = true;
    else
        record_map(record, batch->first, batch->count, batch->entries, batch->mask);
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

// The root of the request's tree. The table decides, not the request: another CPU may have reused the root since.
static uint32_t root_of(const struct request *req)
{
    return req->root < TREES && tree_at(req->root)->tag == req->tag ? req->root : tree_find(req->tag);
}

enum status fill(const struct request *req, struct reply *rep, gpa2_t address, const struct walk12 *walk)
{
    const uint64_t bytes = level12_bytes(walk->level);
    struct batch batch;
    bool around = true;
    batch.walk = walk;
    batch.base.v = address.v & ~(bytes * WALK12_ENTRIES - 1);
    batch.offset = address.v & (bytes - 1) & PAGE_MASK;
    batch.flags = req->tag & EPTP12_FLAGS;
    batch.wanted = level12_index(address, walk->level);
    // Every further attempt has given up the neighbours (once) or emptied one more tree.
    for (unsigned attempt = 0; attempt < TREES + 2; attempt++) {
        uint32_t root = root_of(req);
        bool create = root == ROOT_NONE;
        if (create)
            root = tree_victim();
        batch.root = root;
        batch.first = batch.wanted;
        batch.count = 1;
        batch.mask = 1;
        batch.entries[0] = walk->entry;
        if (create)
            reply_op(rep, OP_EPT_CREATE, root, 0, req->tag, 0);
        if (create || req->root != root)
            reply_op(rep, OP_EPT_BIND, root, 0, 0, 0);
        struct record *known = create ? 0 : record_find(root, address, walk->level);
        if (around)
            batch_around(&batch, known);
        batch_ask(&batch, rep);

        enum status status = rt_invoke();
        if (status == STATUS_OK) {
            if (create)
                tree_assign(root, req->tag);
            tree_touch(root);
            batch_record(&batch, known);
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
