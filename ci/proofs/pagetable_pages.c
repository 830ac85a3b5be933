// SPDX-License-Identifier: BSD-2-Clause
// Proof: map_pages() of the loader, on a tree of any shape, gives each address the page with the rights that it is told, for ring 3 only in a partition's tree, and
// changes no other translation, nor one that is there; new tables are fresh (I5).
// CBMC: unwind=6 replace=entry_at:contract_entry,table_take:contract_take
#include "proof.h"

#include "../../kernel/loader/pagetable.c"

// Table number n is the page n. Of each the first ENTRIES_SEEN entries are looked at; which ones doesn't matter.
#define PAGES        8
#define ENTRIES_SEEN 4
#define FRESH        4u
#define DATA         (1ull << 40)  // where the pages are that are mapped
static uint64_t table[PAGES][ENTRIES_SEEN];
static unsigned taken;
static struct pagetable tables;
#define FEW_ENTRIES(address) (((address) & ~(1ull << 39 | 1ull << 30 | 1ull << 21 | 1ull << 12 | 0xfff)) == 0)

uint64_t *contract_entry(const struct pagetable *in, uint64_t page, uint64_t address, unsigned level)
{
    PROVE(in == &tables && page >> PAGE_BITS < PAGES, "a table of the tree");
    return &table[page >> PAGE_BITS][address >> (12 + 9 * (level - 1)) & 511];
}

bool contract_take(struct pagetable *in, uint64_t *page)
{
    PROVE(in == &tables, "of the memory for these tables");
    *page = (uint64_t)(FRESH + taken) << PAGE_BITS;
    if (any_bool() || taken == PAGES - FRESH)
        return false;
    taken++;
    return true;
}

// The hardware's walk; 0: nothing is mapped; ~0: outside of what is looked at.
static uint64_t translate(uint64_t address)
{
    uint64_t page = 0, rights = 6;
    for (unsigned l = 4;; l--) {
        uint64_t entry = table[page][address >> (12 + 9 * (l - 1)) & 511];
        if (!(entry & ENTRY_PRESENT))
            return 0;
        rights = (rights & entry) | ((rights | entry) & ENTRY_NX);
        if (l == 1 || entry & ENTRY_LARGE) {
            uint64_t bytes = 1ull << (12 + 9 * (l - 1));
            return (entry & ENTRY_ADDRESS & ~(bytes - 1)) | (address & (bytes - 1) & PAGE_MASK) | rights;
        }
        page = (entry & ENTRY_ADDRESS) >> PAGE_BITS;
        if (page >= PAGES)
            return ~0ull;
    }
}

int main(void)
{
    unsigned leaf = 1 + any_below(2), rights = any_below(8);
    uint64_t bytes = leaf == 1 ? PAGE_BYTES : LARGE_BYTES, count = 1 + any_below(2);
    uint64_t address = any_u64(), other = any_u64(), physical = any_u64() & ENTRY_ADDRESS;
    struct pagetable some;
    tables = some;
    tables.root = 0;
    ASSUME(FEW_ENTRIES(address) && FEW_ENTRIES(other) && address % bytes == 0 && physical % bytes == 0 && physical >= DATA && physical < 1ull << 51);
    for (unsigned t = 0; t < FRESH; t++) {
        for (unsigned i = 0; i < ENTRIES_SEEN; i++) {
            uint64_t entry = any_u64();
            ASSUME((entry & ENTRY_ADDRESS) >= DATA && (t == 1 || t == 2 || !(entry & ENTRY_LARGE)));
            table[t][i] = entry;
        }
    }
    for (unsigned t = FRESH; t < PAGES; t++)
        for (unsigned i = 0; i < ENTRIES_SEEN; i++)
            table[t][i] = 0;
    // The tables on the way: 0 is the top, 1 to 3 are below it, as far as there are any. For ring 3 in a partition's tree.
    uint64_t bits = 3 | (tables.user ? 4 : 0);
    for (unsigned l = 4; l > leaf; l--) {
        uint64_t *entry = &table[4 - l][address >> (12 + 9 * (l - 1)) & 511];
        if (any_bool())
            *entry = (uint64_t)(5 - l) << PAGE_BITS | bits;
        else
            ASSUME(!(*entry & ENTRY_PRESENT) || (l < 4 && *entry & ENTRY_LARGE));
    }
    uint64_t before = translate(other), old = translate(address);
    uint64_t done = map_pages(&tables, address, physical, leaf, rights, count);
    PROVE(done <= count, "no more pages than asked for");
    if (other - address < done * bytes) {
        uint64_t right = (rights & PAGE_WRITE ? 2u : 0u) | (tables.user ? 4u : 0u) | (rights & PAGE_EXECUTE || !tables.no_execute ? 0 : ENTRY_NX);
        PROVE(before == 0, "nothing is mapped anew that was mapped");
        PROVE(translate(other) == ((physical + ((other - address) & PAGE_MASK)) | right), "the page, with the rights asked for");
    } else {
        PROVE(translate(other) == before, "no other address changes its translation");
    }
    PROVE(done > 0 || translate(address) == old, "where it fails, nothing changes");
    return 0;
}
