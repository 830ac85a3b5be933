// SPDX-License-Identifier: BSD-2-Clause
// Proof: ept02_map() and ept02_unmap() on a tree of any shape change the translation of no L2-physical address outside of the leaf, put nothing but
// the leaf into the tree, and shoot down wherever a right or a page is taken away (I2). What they write lies in the part of the table that is zeroed
// before the page is a table again. What the cursor keeps for the next mapping is what the tree has there, if it was so before: after any number of mappings.
// CBMC: unwind=6 replace=make_leaf:contract_leaf,subtree_remove:contract_remove,page_take:contract_take
#include "any_caps.h"
#include "no_machine.h"

// Hidden memory is a few tables: page number n is table[n]. Of each table the first ENTRIES entries are looked at; which ones doesn't matter.
#define PAGES   7
#define ENTRIES 2
static uint64_t table[PAGES][ENTRIES], table_before[PAGES][ENTRIES];
#define FEW_ENTRIES(address) (((address) & ~(1ull << 39 | 1ull << 30 | 1ull << 21 | 1ull << 12 | 0xfff)) == 0)
#define hidden_va  hidden_va_of_the_kernel
#define hidden_hpa hidden_hpa_of_the_kernel
#include "../../kernel/pool.h"
#undef hidden_va
#undef hidden_hpa
static inline void *hidden_va(hpa_t hpa)
{
    PROVE(hpa.v / PAGE_BYTES < PAGES && hpa.v % PAGE_BYTES == 0, "a table of the tree");
    return table[hpa.v / PAGE_BYTES];
}
static inline hpa_t hidden_hpa(const void *va)
{
    uint64_t entry = (uint64_t)((const uint64_t *)va - table[0]);
    return (hpa_t){ entry / ENTRIES * PAGE_BYTES + entry % ENTRIES * sizeof(uint64_t) };
}

#include "../../kernel/ept02.c"

static uint64_t the_leaf;
static unsigned the_level, taken;
static bool removed;

uint64_t contract_leaf(struct ept02_cursor *cursor, uint32_t a, gpa2_t from, gpa1_t to, unsigned *level)
{
    (void)cursor, (void)a, (void)from, (void)to;
    *level = the_level;
    return the_leaf;
}

// The tables behind an entry that is no longer in the tree.
void contract_remove(struct root *root, uint64_t entry, unsigned level, struct ept02_work *work)
{
    (void)entry, (void)level;
    removed = true;
    work->shootdown = true;
    root->cursor.gigabyte = ~0ull;
}

// Pages 4 to 6 are free, and zero.
uint32_t contract_take(struct ept02_work *work)
{
    (void)work;
    return 4 + taken++;
}

// The hardware's walk, with mode-based execute control (without it less is present). 0: nothing is mapped.
static uint64_t translate(uint64_t address, unsigned *level)
{
    uint64_t page = 0;
    for (unsigned l = 3;; l--) {
        uint64_t entry = table[page][address >> (12 + 9 * l) & 511];
        *level = l;
        if (!(entry & EPT_PRESENT))
            return 0;
        if (l == 0 || entry & 1 << 7)
            return entry & ~EPT_FLAGS;  // the CPU's, which say nothing about where the translation leads
        page = (entry & EPT_ADDRESS) >> 12;
        if (page >= PAGES)
            return ~0ull;  // an address outside of the few that are looked at
    }
}

// The table of that level on an address' way down; NULL: there is none.
static const uint64_t *table_of(uint64_t address, unsigned level)
{
    uint64_t page = 0;
    for (unsigned l = 3; l > level; l--) {
        uint64_t entry = table[page][address >> (12 + 9 * l) & 511];
        if (!is_table(entry, l))
            return NULL;
        page = (entry & EPT_ADDRESS) >> 12;
        ASSUME(page < PAGES);
    }
    return table[page];
}

// One walk's tables: 0 is the top, 1 to 3 are below it in that order, any other entry is a leaf, empty or leads elsewhere.
static void any_path(uint64_t from)
{
    for (unsigned l = 3; l > 0; l--) {
        uint64_t *entry = &table[3 - l][from >> (12 + 9 * l) & 511];
        if (any_bool())
            *entry = (uint64_t)(4 - l) << 12 | EPT_PRESENT;
        else
            ASSUME(!is_table(*entry, l));
    }
}

int main(void)
{
    any_caps();
    gpa2_t from = { any_u64() };
    uint64_t other = any_u64(), seen = any_u64(), before, after, seen_before, seen_after;
    unsigned level_before, level_after, level_seen;
    struct ept02_work work = EPT02_WORK;
    ASSUME(from.v >> 48 == 0 && from.v % PAGE_BYTES == 0 && other >> 48 == 0 && seen >> 48 == 0);
    ASSUME(FEW_ENTRIES(from.v) && FEW_ENTRIES(other) && FEW_ENTRIES(seen));
    for (unsigned page = 0; page < 4; page++) {
        for (unsigned i = 0; i < ENTRIES; i++) {
            uint64_t entry = any_u64();
            ASSUME(!is_table(entry, 3 - page) || (entry & EPT_ADDRESS) / PAGE_BYTES >= PAGES);
            table[page][i] = entry;
        }
    }
    any_path(from.v);
    the_level = any_below(EPT_LEVEL_COUNT);
    the_leaf = any_u64();
    ASSUME(the_leaf == 0 || (!(the_leaf & EPT_FLAGS) && (the_leaf >> 7 & 1) == (the_level > 0)));
    roots[0].used = true;
    tops[0].page.v = 0;
    roots[0].top = 0;
    struct page_link some_links[PAGES];
    links = some_links;
    links[0].next = links[0].previous = 0;
    // Maybe a batch before has left the directory of a gigabyte, and this one the table of 2 MiB: from's or others.
    bool unmap = any_bool();
    roots[0].cursor.gigabyte = ~0ull;
    struct ept02_cursor *cursor = ept02_map_begin(0);
    if (any_bool()) {
        cursor->gigabyte = any_u64();
        ASSUME(cursor->gigabyte != from.v >> 30 || table_of(from.v, EPT_LEVEL_2M) == table[2]);
        cursor->directory = table[2];
    }
    if (!unmap && any_bool()) {
        cursor->region = any_u64();
        ASSUME(cursor->region != from.v >> 21 || table_of(from.v, EPT_LEVEL_4K) == table[3]);
        cursor->table = table[3];
    }
    if (unmap)
        ept02_map_end(cursor);
    memcpy(table_before, table, sizeof(table));

    // other: outside of the leaf; seen: inside.
    uint64_t bytes = tree_bytes(the_level);
    ASSUME((other ^ from.v) & ~(bytes - 1));
    ASSUME(!((seen ^ from.v) & ~(bytes - 1)));
    before = translate(other, &level_before);
    seen_before = translate(seen, &level_seen);
    if (unmap)
        ept02_unmap(0, (enum ept_level)the_level, from, &work);
    else
        ept02_map(cursor, 0, from, (gpa1_t){ 0 }, &work);
    after = translate(other, &level_after);
    seen_after = translate(seen, &level_seen);

    PROVE(cursor->gigabyte != from.v >> 30 || cursor->directory == table_of(from.v, EPT_LEVEL_2M), "the directory of from's gigabyte is the tree's");
    PROVE(cursor->region != from.v >> 21 || cursor->table == table_of(from.v, EPT_LEVEL_4K), "and so is the table");
    PROVE(after == before || after == 0, "another address keeps its translation, or loses it");
    PROVE(after == before || work.shootdown, "and where it loses it, CPUs are told");
    PROVE(seen_after == seen_before || seen_after == the_leaf || seen_after == 0, "the leaf's addresses get the leaf");
    if (!unmap && the_leaf != 0)  // a decoy may be one that isn't present, for its owner's number
        PROVE(seen_after == (the_leaf & EPT_PRESENT ? the_leaf : 0) && level_seen == the_level, "at the leaf's level");
    unsigned page = any_below(PAGES), i = any_below(ENTRIES);
    PROVE(table[page][i] == 0 || table[page][i] == table_before[page][i] || (links[page].low <= i && i < links[page].high), "zeroed in time");
    if (unmap)
        PROVE(seen_after == 0 || seen_before == ~0ull, "what is unmapped is gone");
    if (seen_before != seen_after && (seen_before & EPT_PRESENT) &&
        ((seen_before & EPT_ADDRESS) != (seen_after & EPT_ADDRESS) || (seen_before & EPT_PRESENT & ~seen_after)))
        PROVE(work.shootdown, "a page or a right that is taken away is shot down");
    return 0;
}
