// SPDX-License-Identifier: BSD-2-Clause
// Tree: four levels of tables, as EPT and 4-level paging have them alike (SDM 3A 4.5, 3C 29.3.2): an entry is there if one of bits 0 to 2 is set, and is
// a leaf at level 0 or with bit 7.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <caps/addr.h>
#include <caps/status.h>

#include "pool.h"
#include "tlb_insn.h"

#define TREE_LARGE   (1ull << 7)
#define TREE_ADDRESS 0x000ffffffffff000ull
#define TREE_ENTRIES 512u

struct tree {
    hpa_t root;
    uint64_t table_bits;  // of an entry that names a table
    uint32_t made;        // tables
    bool write_back;      // a device walks them that does not snoop caches
};

// What an entry of that level stands for: 0: 4 KiB, 1: 2 MiB, 2: 1 GiB, 3: 512 GiB.
static inline uint64_t tree_bytes(unsigned level) { return PAGE_BYTES << (9 * level); }
static inline bool tree_there(uint64_t entry) { return entry & 7; }
static inline uint64_t *tree_table(uint64_t entry) { return hidden_va((hpa_t){ entry & TREE_ADDRESS }); }

// Writes an entry that a walk may meet. CLFLUSH and writes stay in order (SDM 2A "CLFLUSH").
static inline void tree_set(const struct tree *tree, uint64_t *slot, uint64_t entry)
{
    __atomic_store_n(slot, entry, __ATOMIC_RELEASE);
    if (tree->write_back)
        insn_clflush(slot);
}

// Walks down to the entry for address at that level. A large leaf on the way is split into equal ones; tables are made. One caller at a time, but the CPU may
// be walking.
NODISCARD enum status tree_slot(struct tree *tree, uint64_t address, unsigned level, uint64_t **slot);

// The leaf that maps address, or the entry that isn't there, and its level.
uint64_t tree_find(const struct tree *tree, uint64_t address, unsigned *level);
