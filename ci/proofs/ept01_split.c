// SPDX-License-Identifier: BSD-2-Clause
// Proof: a large leaf of EPT01 that descend() splits goes on mapping every address to the same place with the same rights and type; beside it no
// translation changes (I1).
// CBMC: unwind=6 loops=descend.1:513 elements=512
#include "any_caps.h"
#include "no_machine.h"

// Tables 0 to 2 are on the way, of each the first ENTRIES entries are looked at: which ones doesn't matter; the fresh one is page 4.
#define ENTRIES 4
#define FRESH   (4ull << 12)
static uint64_t table[3][ENTRIES], fresh[512];
#define hidden_va hidden_va_of_the_kernel
#include "../../kernel/pool.h"
#undef hidden_va
static inline void *hidden_va(hpa_t hpa) { return hpa.v == FRESH ? fresh : table[hpa.v >> PAGE_BITS & 3]; }

#include "../../kernel/ept01.c"

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
    uint64_t bytes = level_bytes(level), leaf = any_u64(), *slot, i = any_below(512);
    ASSUME((leaf & EPT_RIGHTS) && (leaf & EPT_LARGE) && leaf >> 52 == 0 && (leaf & (bytes - 1) & EPT_ADDRESS) == 0);
    // Tables 0 to 2 - level lead to the leaf.
    for (unsigned l = 3; l > level; l--)
        table[3 - l][address / level_bytes(l) % 512] = (uint64_t)(4 - l) << PAGE_BITS | EPT_RIGHTS;
    table[3 - level][address / bytes % 512] = leaf;
    if (descend(address, level - 1, &slot) != STATUS_OK)
        return;

    uint64_t entry = table[3 - level][address / bytes % 512], below = fresh[i];
    PROVE((entry & EPT_RIGHTS) == EPT_RIGHTS && !(entry & EPT_LARGE) && (entry & EPT_ADDRESS) == FRESH, "the new table");
    PROVE((below & EPT_ADDRESS) == (leaf & EPT_ADDRESS) + i * level_bytes(level - 1), "each of its entries maps what the leaf mapped there");
    PROVE((below & 0x7f) == (leaf & 0x7f), "with its rights and its memory type");
    PROVE(((below & EPT_LARGE) != 0) == (level > 1), "as a leaf");
    PROVE(slot == &fresh[address / level_bytes(level - 1) % 512], "and the address's own entry is returned");
}

int main(void)
{
    any_caps();
    ept.root.v = 0;
    ept.eager_end = any_u64();
    if (any_bool())
        prove_split(1, 1ull << 39 | 2ull << 30 | 3ull << 21 | 4ull << 12);
    else
        prove_split(2, 1ull << 39 | 2ull << 30 | 3ull << 21);
    return 0;
}
