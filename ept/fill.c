// SPDX-License-Identifier: BSD-2-Clause
// Filling EPT02 from EPT12: the wanted leaf, its neighbours, and the tree that they belong in.
#include "fill.h"

#include <caps/ept_map.h>
#include <rt/call.h>
#include <rt/reply.h>

#include "record.h"
#include "room.h"
#include "tree.h"

// Neighbours: the aligned block of that many entries around the wanted one; none of a page table of which nothing is mapped yet: L2 may want no other page there,
// and tells by the next one that it does. A CPU may load any present leaf into its TLB at any time, so mapping what wasn't asked for yet is no difference that L1
// or L2 can see.
#define AROUND_4K    32u
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
static inline uint64_t leaf_rights(const struct walk12 *walk, bool flags, uint64_t entry)
{
    const uint64_t rights = entry & walk->rights_above;
    // The first write must be seen, so that L1 gets its dirty flag.
    return flags && !(entry & ENTRY12_DIRTY) ? rights & ~(uint64_t)EPT_WRITE : rights;
}

// Whether a neighbour is a leaf to be mapped.
static inline bool is_wanted(const struct walk12 *walk, bool flags, uint64_t entry)
{
    if ((entry & walk->rights_above) == 0)
        return false;
    // Where nobody has been yet there is no accessed flag; it isn't to be set for a page that nobody wants.
    if (flags && !(entry & ENTRY12_ACCESSED))
        return false;
    return (walk->level == 0 && entry12_is_plain(&tree_cpu, entry)) || entry12_kind(&tree_cpu, entry, walk->level, walk->rights_above | EPT_RIGHTS) == ENTRY12_LEAF;
}

// Which of count entries, the first one's place an aligned block's, are to be mapped.
static inline uint64_t wanted_of(const struct walk12 *walk, bool flags, const uint64_t *entries, unsigned count)
{
    uint64_t mask = 0;
    for (unsigned i = 0; i < count; i += 4) {
        // In a table with few entries four are passed at a time.
        if ((entries[i] | entries[i + 1] | entries[i + 2] | entries[i + 3]) == 0)
            continue;
        for (unsigned k = i; k < i + 4; k++)
            mask |= (uint64_t)is_wanted(walk, flags, entries[k]) << k;
    }
    return mask;
}

// An entry of OP_EPT_MAP_RUN.
static inline uint64_t run_entry(const struct walk12 *walk, bool flags, uint64_t entry)
{
    return (entry & (EPT_RUN_ADDRESS | EPT_RUN_TYPE)) | leaf_rights(walk, flags, entry);
}

// One operation for 4 KiB pages: of those from address on, all that the mask names.
static inline void ask_run(struct reply *rep, uint32_t root, const struct walk12 *walk, bool flags, uint64_t address, const uint64_t *entries, uint64_t mask)
{
    const unsigned low = (unsigned)__builtin_ctzll(mask), high = 63u - (unsigned)__builtin_clzll(mask);
    uint64_t *place = rep->field[0];
    mask >>= low;
    for (const uint64_t *entry = &entries[low]; mask != 0; entry++, mask >>= 1)
        *place++ = mask & 1 ? run_entry(walk, flags, *entry) : 0;
    reply_op(rep, OP_EPT_MAP_RUN, root, high - low + 1, address + low * PAGE_BYTES, 0);
}

// The block around the wanted entry, which is the batch up to now and has been read already and is judged by that. What is mapped already as it is now isn't mapped again.
static void batch_around(struct batch *batch, const struct record *known)
{
    const unsigned count = batch->walk->level != 0 ? AROUND_LARGE : AROUND_4K, first = batch->wanted & ~(count - 1);
    if (batch->walk->level == 0 && (!known || record_is_empty(known)))
        return;
    entries12_read(batch->walk->table, first, count, batch->entries);
    batch->entries[batch->wanted - first] = batch->walk->entry;
    uint64_t mask = wanted_of(batch->walk, batch->flags, batch->entries, count);
    for (unsigned i = 0; known && i < count; i++)
        if (record_maps(known, first + i) && known->seen[first + i] == batch->entries[i])
            mask &= ~(1ull << i);
    batch->first = first;
    batch->count = count;
    batch->mask = mask | 1ull << (batch->wanted - first);
}

// One operation for all 4 KiB pages; larger ones have one each.
static void batch_ask(const struct batch *batch, struct reply *rep)
{
    const unsigned level = batch->walk->level;
    if (level == 0) {
        ask_run(rep, batch->root, batch->walk, batch->flags, batch->base.v + batch->first * PAGE_BYTES, batch->entries, batch->mask);
        return;
    }
    for (uint64_t left = batch->mask; left != 0; left &= left - 1) {
        const unsigned i = (unsigned)__builtin_ctzll(left), index = batch->first + i;
        const uint64_t entry = batch->entries[i], offset = index == batch->wanted ? batch->offset : 0;
        const uint32_t leaf = ept_map_pack(level, (unsigned)leaf_rights(batch->walk, batch->flags, entry), (entry >> 3) & 7, (entry >> 6) & 1);
        reply_op(rep, OP_EPT_MAP, batch->root, leaf, batch->base.v + index * level12_bytes(level) + offset, leaf12_page(entry, level).v + offset);
    }
}

static void batch_record(const struct batch *batch, struct reply *rep)
{
    bool made;
    struct record *record;
    while (!(record = record_at(batch->root, batch->base, batch->walk, batch->flags, &made)))
        room_for_records(rep);
    record->used = tree_touch(tree_at(batch->root));
    record_map(record, batch->first, batch->count, batch->entries, batch->mask);
}

// The root of the request's tree. The table decides, not the request: another CPU may have reused the root since.
static uint32_t root_of(const struct request *req)
{
    return req->root < TREES && tree_at(req->root)->tag == req->tag ? req->root : tree_find(req->tag);
}

__attribute__((noinline)) enum status fill(const struct request *req, struct reply *rep, gpa2_t address, const struct walk12 *walk)
{
    const uint64_t bytes = level12_bytes(walk->level);
    struct batch batch;
    bool around = true;
    batch.walk = walk;
    batch.base.v = address.v & ~(bytes * WALK12_ENTRIES - 1);
    batch.offset = address.v & (bytes - 1) & PAGE_MASK;
    batch.flags = req->tag & EPTP12_FLAGS;
    batch.wanted = level12_index(address, walk->level);
    // Every further attempt has given up the neighbours (once) or something that was mapped: that comes to an end.
    for (;;) {
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
            batch_record(&batch, rep);
            return STATUS_OK;
        }
        if (status == STATUS_BAD_ADDRESS && around) {
            around = false;   // a neighbour's page, perhaps
            continue;
        }
        if (status != STATUS_NO_TABLES && status != STATUS_NO_MEMORY)
            return status;
        if (room_for_tables(rep, root))
            continue;
        if (!around)
            return status;
        around = false;
    }
}

// A block's entries, but for those that are known.
static inline void block_read(gpa1_t table, unsigned first, uint64_t known, uint64_t *entries)
{
    uint64_t now[AROUND_4K];
    if (known == 0) {
        entries12_read(table, first, AROUND_4K, entries);
        return;
    }
    entries12_read(table, first, AROUND_4K, now);
    for (unsigned i = 0; i < AROUND_4K; i++)
        if (!(known >> i & 1))
            entries[i] = now[i];
}

bool fill_quick(const struct request *req, struct reply *rep, gpa2_t address, const struct walk12 *walk)
{
    const uint32_t root = req->root;
    struct tree *tree = tree_at(root % TREES);
    // attempt: the kernel has refused what the reply asked for, so that there are tables to be freed.
    if (walk->level != 0 || req->attempt != 0 || root >= TREES || tree->tag != req->tag)
        return false;
    bool made;
    const bool flags = req->tag & EPTP12_FLAGS;
    struct record *record = record_at_page(root, address, walk, flags, &made);
    if (!record)
        return false;
    const unsigned wanted = level12_index(address, 0), first = wanted & ~(AROUND_4K - 1), at = wanted - first;
    uint64_t *mapped = &record->mapped[first / 64], mask = 1ull << at;
    if (made) {
        record->low = (uint16_t)wanted;
        record->high = (uint16_t)(wanted + 1);
        record->seen[wanted] = walk->entry;
        rep->field[0][0] = run_entry(walk, flags, walk->entry);
        reply_op(rep, OP_EPT_MAP_RUN, root, 1, address.v & PAGE_MASK, 0);
    } else {
        // What is recorded of an entry that is mapped has to stay until the kernel has mapped another: it may refuse to.
        const uint64_t known = *mapped >> (first % 64) & ((1ull << AROUND_4K) - 1);
        if (known & mask)
            return false;
        uint64_t *entries = &record->seen[first];
        record_reach(record, first, AROUND_4K);
        block_read(walk->table, first, known, entries);
        entries[at] = 0;  // isn't asked about
        mask |= wanted_of(walk, flags, entries, AROUND_4K) & ~known;
        entries[at] = walk->entry;
        ask_run(rep, root, walk, flags, (address.v & PAGE_MASK) - at * PAGE_BYTES, entries, mask);
    }
    *mapped |= mask << (first % 64);
    record->used = tree_touch(tree);
    tree_leave_in_reply(req, rep, mapped, mask << (first % 64));
    return true;
}
