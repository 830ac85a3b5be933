// SPDX-License-Identifier: BSD-2-Clause
// Proof: a large leaf of EPT01 or of the window that tree_slot() splits goes on mapping every address to the same place with the same rights and type; beside it
// no translation changes (I1).
// CBMC: unwind=6 loops=tree_slot.1:513 elements=512
#include "proof.h"

// Tables 0 to 2 are on the way, of each the first ENTRIES entries are looked at: which ones doesn't matter; the fresh one is page 4.
#define ENTRIES 4
#define FRESH   (4ull << 12)
static uint64_t table[3][ENTRIES], fresh[512];
#define hidden_va hidden_va_of_the_kernel
#include "../../kernel/pool.h"
#undef hidden_va
static inline void *hidden_va(hpa_t hpa) { return hpa.v == FRESH ? fresh : table[hpa.v >> PAGE_BITS & 3]; }

#include "../../kernel/tree.c"

// The page for the new table.
enum status pool_alloc(uint64_t pages, hpa_t *out)
{
    PROVE(pages == 1, "one table");
    out->v = FRESH;
    return any_bool() ? STATUS_OK : STATUS_NO_MEMORY;
}

// Any leaf, at one place of the tree: the address only chooses the entries.
static void prove_split(unsigned level, uint64_t address)
{
    const uint64_t no_address = ~TREE_ADDRESS & ~TREE_LARGE;
    struct tree tree = { .root = { 0 }, .table_bits = 7 | (any_u64() & 0x60) };
    uint64_t bytes = tree_bytes(level), leaf = any_u64(), *slot, i = any_below(512);
    ASSUME(tree_there(leaf) && (leaf & TREE_LARGE) && (leaf & (bytes - 1) & TREE_ADDRESS) == 0 && (leaf & TREE_ADDRESS) < 1ull << 51);
    // Tables 0 to 2 - level lead to the leaf.
    for (unsigned l = 3; l > level; l--)
        table[3 - l][address / tree_bytes(l) % 512] = (uint64_t)(4 - l) << PAGE_BITS | 7;
    table[3 - level][address / bytes % 512] = leaf;
    if (tree_slot(&tree, address, level - 1, &slot) != STATUS_OK)
        return;

    uint64_t entry = table[3 - level][address / bytes % 512], below = fresh[i];
    PROVE(entry == (FRESH | tree.table_bits) && tree.made == 1, "the new table");
    PROVE((below & TREE_ADDRESS) == (leaf & TREE_ADDRESS) + i * tree_bytes(level - 1), "each of its entries maps what the leaf mapped there");
    PROVE((below & no_address) == (leaf & no_address), "with its rights and its memory type");
    PROVE(((below & TREE_LARGE) != 0) == (level > 1), "as a leaf");
    PROVE(slot == &fresh[address / tree_bytes(level - 1) % 512], "and the address's own entry is returned");
}

int main(void)
{
    if (any_bool())
        prove_split(1, 1ull << 39 | 2ull << 30 | 3ull << 21 | 4ull << 12);
    else
        prove_split(2, 1ull << 39 | 2ull << 30 | 3ull << 21);
    return 0;
}
