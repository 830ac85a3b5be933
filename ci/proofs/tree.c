// SPDX-License-Identifier: BSD-2-Clause
// Proof: tree_slot(), on a partition's tree of any shape, leads to the entry that maps the address, and changes no translation on its way; new tables are pages
// of the pool: what is written there, as space_own() and window_show() do, changes no other (I5). space_peek() reads no table but the tree's, and returns nothing but a
// quadword of a page that the tree maps below the window.
// CBMC: unwind=6
#include "proof.h"

// Hidden memory is a few tables: page number n is table[n]. Of each table the first ENTRIES entries are looked at; which ones doesn't matter.
#define PAGES   8
#define ENTRIES 3
#define FRESH   4u  // pages from here on are the pool's
#define DATA    (1ull << 40)  // where the pages are that are mapped
#include "../../kernel/boot_info.h"
static uint64_t table[PAGES][ENTRIES];
#define FEW_ENTRIES(address) (((address) & ~(1ull << 40 | 1ull << 30 | 1ull << 21 | 1ull << 12 | 0xfff)) == 0)
#define hidden_va hidden_va_of_the_kernel
#include "../../kernel/pool.h"
#undef hidden_va

static bool at_leaf;
static uint64_t leaf_page;
static inline void *hidden_va(hpa_t hpa)
{
    PROVE(hpa.v % PAGE_BYTES == 0, "a page");
    if (hpa.v >= DATA) {
        at_leaf = true;
        leaf_page = hpa.v;
        return (void *)(uintptr_t)hpa.v;  // never dereferenced
    }
    PROVE(hpa.v / PAGE_BYTES < PAGES, "a table of the tree");
    return table[hpa.v / PAGE_BYTES];
}

#include "../../kernel/tree.c"
#include "../../kernel/space.c"

static unsigned taken;

enum status pool_alloc(uint64_t pages, hpa_t *out)
{
    PROVE(pages == 1, "one table");
    out->v = (uint64_t)(FRESH + taken++) << PAGE_BITS;
    return any_bool() ? STATUS_OK : STATUS_NO_MEMORY;
}

bool hidden_overlaps(hpa_t base, uint64_t bytes) { (void)base, (void)bytes; return any_bool(); }

// The hardware's walk (SDM 3A 4.5.4 "Linear-Address Translation with 4-Level Paging and 5-Level Paging"), without large pages. 0: nothing is mapped.
static uint64_t translate(uint64_t address)
{
    uint64_t page = 0, rights = PTE_WRITE | PTE_USER;
    for (unsigned l = 3;; l--) {
        uint64_t entry = table[page][address >> (12 + 9 * l) & 511];
        if (!(entry & PTE_PRESENT))
            return 0;
        rights = (rights & entry) | ((rights | entry) & PTE_NX);
        if (l == 0)
            return (entry & TREE_ADDRESS) | rights;
        page = (entry & TREE_ADDRESS) >> PAGE_BITS;
        if (page >= PAGES)
            return ~0ull;  // outside of the few addresses that are looked at
    }
}

// One walk's tables, as far as there are any: 0 is the top, 1 to 3 are below it in that order. What else the tables have leads elsewhere.
static void any_path(uint64_t va)
{
    for (unsigned l = 3; l > 0; l--) {
        uint64_t *entry = &table[3 - l][va >> (12 + 9 * l) & 511];
        if (any_bool())
            *entry = (uint64_t)(4 - l) << PAGE_BITS | PTE_USER_TABLE;
        else
            ASSUME(!tree_there(*entry));
    }
}

int main(void)
{
    uint64_t va = any_u64() & PAGE_MASK, other = any_u64(), page = any_u64() & TREE_ADDRESS, bits = any_u64() & (PTE_WRITE | PTE_NX);
    struct space space = { .root = { 0 } };
    ASSUME(FEW_ENTRIES(va) && FEW_ENTRIES(other) && page >= DATA);
    for (unsigned t = 0; t < FRESH; t++) {
        for (unsigned i = 0; i < ENTRIES; i++) {
            uint64_t entry = any_u64();
            ASSUME((entry & TREE_ADDRESS) >= DATA && !(entry & TREE_LARGE) && (entry & PTE_PRESENT || !tree_there(entry)));
            table[t][i] = entry;
        }
    }
    any_path(va);
    ASSUME((va ^ other) & PAGE_MASK);
    uint64_t before = translate(other), old = translate(va);
    if (any_bool()) {
        ASSUME(before != ~0ull);
        const uint64_t *found = space_peek(&space, other);
        if (found != NULL) {
            PROVE(other < WINDOW_BASE && other % 8 == 0, "a quadword below the window");
            PROVE(before != 0 && at_leaf && (before & TREE_ADDRESS) == leaf_page, "of the page that is mapped there");
            PROVE((uint64_t)(uintptr_t)found == leaf_page + other % PAGE_BYTES, "at its place");
        }
        return 0;
    }
    struct tree tree = { .root = { 0 }, .table_bits = PTE_USER_TABLE };
    uint64_t *slot;
    bool good = tree_slot(&tree, va, 0, &slot) == STATUS_OK;
    PROVE(translate(va) == old, "a table more changes nothing");
    if (good) {
        *slot = page | PTE_USER_PAGE | bits;
        PROVE(translate(va) == (page | PTE_USER | bits), "the page, with the rights asked for");
    }
    PROVE(translate(other) == before, "no other address changes its translation");
    return 0;
}
