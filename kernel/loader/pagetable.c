// SPDX-License-Identifier: BSD-2-Clause
// Builds and walks 4-level page tables (SDM 3A 4.5.4 "Linear-Address Translation with 4-Level Paging and 5-Level Paging"). Pure.
#include "pagetable.h"

#include <caps/addr.h>

#define ENTRY_PRESENT 1ull
#define ENTRY_WRITE   2ull
#define ENTRY_LARGE   0x80ull
#define ENTRY_NX      (1ull << 63)
#define ENTRY_ADDRESS 0x000ffffffffff000ull
#define ENTRIES       512u

// Levels count down: 4 is the root, 1 holds the entries of 4 KiB pages.
static unsigned level_shift(unsigned level) { return PAGE_BITS + 9 * (level - 1); }

static uint64_t *entry_at(const struct pagetable *tables, uint64_t table, uint64_t address, unsigned level)
{
    return (uint64_t *)(void *)(tables->memory + table) + ((address >> level_shift(level)) % ENTRIES);
}

static bool is_canonical(uint64_t address) { return (uint64_t)((int64_t)(address << 16) >> 16) == address; }

static bool table_take(struct pagetable *tables, uint64_t *table)
{
    if (tables->next_page + PAGE_BYTES > tables->end)
        return false;
    *table = tables->next_page;
    tables->next_page += PAGE_BYTES;
    uint64_t *entries = (uint64_t *)(void *)(tables->memory + *table);
    for (unsigned i = 0; i < ENTRIES; i++)
        entries[i] = 0;
    return true;
}

bool pagetable_start(struct pagetable *tables) { return table_take(tables, &tables->root); }

static bool map_page(struct pagetable *tables, uint64_t address, uint64_t physical, unsigned leaf, unsigned rights)
{
    uint64_t table = tables->root;
    for (unsigned level = 4; level > leaf; level--) {
        uint64_t *entry = entry_at(tables, table, address, level);
        if (!(*entry & ENTRY_PRESENT)) {
            if (!table_take(tables, &table))
                return false;
            *entry = table | ENTRY_PRESENT | ENTRY_WRITE;  // the leaf alone limits the rights
        } else if (*entry & ENTRY_LARGE) {
            return false;
        } else {
            table = *entry & ENTRY_ADDRESS;
        }
    }
    uint64_t *entry = entry_at(tables, table, address, leaf);
    if (*entry & ENTRY_PRESENT)
        return false;
    *entry = physical | ENTRY_PRESENT | (rights & PAGE_WRITE ? ENTRY_WRITE : 0) | (leaf > 1 ? ENTRY_LARGE : 0) |
             (tables->no_execute && !(rights & PAGE_EXECUTE) ? ENTRY_NX : 0);
    return true;
}

bool pagetable_map(struct pagetable *tables, uint64_t address, uint64_t physical, uint64_t bytes, unsigned rights)
{
    if (!bytes || (address | physical | bytes) % PAGE_BYTES || physical & ~ENTRY_ADDRESS || bytes > ENTRY_ADDRESS - physical)
        return false;
    uint64_t last = address + (bytes - 1);
    if (last < address || !is_canonical(address) || !is_canonical(last) || (address ^ last) >> 63)
        return false;
    while (bytes) {
        bool large = (address | physical) % LARGE_BYTES == 0 && bytes >= LARGE_BYTES;
        if (!map_page(tables, address, physical, large ? 2 : 1, rights))
            return false;
        uint64_t step = large ? LARGE_BYTES : PAGE_BYTES;
        address += step;
        physical += step;
        bytes -= step;
    }
    return true;
}

bool pagetable_walk(const struct pagetable *tables, uint64_t address, uint64_t *physical, unsigned *rights)
{
    if (!is_canonical(address))
        return false;
    uint64_t table = tables->root;
    for (unsigned level = 4; level >= 1; level--) {
        uint64_t entry = *entry_at(tables, table, address, level);
        if (!(entry & ENTRY_PRESENT))
            return false;
        if (level == 1 || entry & ENTRY_LARGE) {
            uint64_t offset = (1ull << level_shift(level)) - 1;
            *physical = (entry & ENTRY_ADDRESS & ~offset) | (address & offset);
            *rights = (entry & ENTRY_WRITE ? PAGE_WRITE : 0u) | (entry & ENTRY_NX ? 0u : PAGE_EXECUTE);
            return true;
        }
        table = entry & ENTRY_ADDRESS;
    }
    return false;
}
