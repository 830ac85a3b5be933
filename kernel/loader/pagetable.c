// SPDX-License-Identifier: BSD-2-Clause
// Builds and walks 4-level page tables (SDM 3A 4.5.4 "Linear-Address Translation with 4-Level Paging and 5-Level Paging"). Pure.
#include "pagetable.h"

#include <caps/addr.h>

#include "../memory.h"

#define ENTRY_PRESENT 1ull
#define ENTRY_WRITE   2ull
#define ENTRY_UNCACHED 0x18ull  // PCD, PWT
#define ENTRY_KERNEL  0x160ull  // global, dirty, accessed
#define ENTRY_USER    0x064ull  // dirty, accessed, for ring 3
#define ENTRY_USERS   0x024ull  // a table of those
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
    memory_fill(tables->memory + *table, 0, PAGE_BYTES);
    return true;
}

bool pagetable_start(struct pagetable *tables) { return table_take(tables, &tables->root); }

// Maps up to count pages, as many as there is room for in one table. Returns how many; 0: no memory, or something is mapped there.
static uint64_t map_pages(struct pagetable *tables, uint64_t address, uint64_t physical, unsigned leaf, unsigned rights, uint64_t count)
{
    uint64_t table = tables->root, done = 0;
    for (unsigned level = 4; level > leaf; level--) {
        uint64_t *entry = entry_at(tables, table, address, level);
        if (!(*entry & ENTRY_PRESENT)) {
            if (!table_take(tables, &table))
                return 0;
            *entry = table | ENTRY_PRESENT | ENTRY_WRITE | (tables->user ? ENTRY_USERS : 0);  // the leaf alone limits the rights
        } else if (*entry & ENTRY_LARGE) {
            return 0;
        } else {
            table = *entry & ENTRY_ADDRESS;
        }
    }
    const uint64_t bits = ENTRY_PRESENT | (rights & PAGE_WRITE ? ENTRY_WRITE : 0) | (leaf > 1 ? ENTRY_LARGE : 0) |
                          (rights & PAGE_UNCACHED ? ENTRY_UNCACHED : 0) | (tables->kernel ? ENTRY_KERNEL : 0) | (tables->user ? ENTRY_USER : 0) |
                          (tables->no_execute && !(rights & PAGE_EXECUTE) ? ENTRY_NX : 0);
    uint64_t *entry = entry_at(tables, table, address, leaf);
    const uint64_t room = ENTRIES - (address >> level_shift(leaf)) % ENTRIES;
    for (; done < count && done < room && !(entry[done] & ENTRY_PRESENT); done++)
        entry[done] = (physical + (done << level_shift(leaf))) | bits;
    return done;
}

bool pagetable_map(struct pagetable *tables, uint64_t address, uint64_t physical, uint64_t bytes, unsigned rights)
{
    if (!bytes || (address | physical | bytes) % PAGE_BYTES || physical & ~ENTRY_ADDRESS || bytes > ENTRY_ADDRESS - physical)
        return false;
    uint64_t last = address + (bytes - 1);
    if (last < address || !is_canonical(address) || !is_canonical(last) || (address ^ last) >> 63)
        return false;
    while (bytes) {
        bool fits = !tables->small && (address ^ physical) % LARGE_BYTES == 0;
        bool large = fits && address % LARGE_BYTES == 0 && bytes >= LARGE_BYTES;
        uint64_t size = large ? LARGE_BYTES : PAGE_BYTES, count = bytes / size;
        if (!large && fits && count > (LARGE_BYTES - address % LARGE_BYTES) / PAGE_BYTES)
            count = (LARGE_BYTES - address % LARGE_BYTES) / PAGE_BYTES;  // up to where a large page fits
        count = map_pages(tables, address, physical, large ? 2 : 1, rights, count);
        if (!count)
            return false;
        address += count * size;
        physical += count * size;
        bytes -= count * size;
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
