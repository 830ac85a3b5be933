// SPDX-License-Identifier: BSD-2-Clause
// Trees of tables: all but EPT02's, which has pages of its own.
#include "tree.h"

static unsigned index_of(uint64_t address, unsigned level) { return (unsigned)(address / tree_bytes(level) % TREE_ENTRIES); }

enum status tree_slot(struct tree *tree, uint64_t address, unsigned level, uint64_t **slot)
{
    uint64_t *table = hidden_va(tree->root);
    for (unsigned l = 3; l > level; l--) {
        uint64_t *entry = &table[index_of(address, l)];
        if (!tree_there(*entry) || *entry & TREE_LARGE) {
            hpa_t page;
            TRY(pool_alloc(1, &page));
            uint64_t *next = hidden_va(page);
            if (tree_there(*entry))
                for (uint64_t i = 0; i < TREE_ENTRIES; i++)
                    next[i] = (*entry & ~(l == 1 ? TREE_LARGE : 0)) + i * tree_bytes(l - 1);
            for (uint64_t i = 0; tree->write_back && i < TREE_ENTRIES; i += CACHE_LINE_BYTES / sizeof(*next))
                insn_clflush(&next[i]);
            tree->made++;
            tree_set(tree, entry, page.v | tree->table_bits);
        }
        table = tree_table(*entry);
    }
    *slot = &table[index_of(address, level)];
    return STATUS_OK;
}

uint64_t tree_find(const struct tree *tree, uint64_t address, unsigned *level)
{
    const uint64_t *table = hidden_va(tree->root);
    for (*level = 3;; --*level) {
        uint64_t entry = table[index_of(address, *level)];
        if (!tree_there(entry) || *level == 0 || entry & TREE_LARGE)
            return entry;
        table = tree_table(entry);
    }
}
