// SPDX-License-Identifier: BSD-2-Clause
#include "tables.h"

#include <rt/string.h>

// Accessed and dirty are set: the CPU never writes here.
#define ENTRY_TABLE 0x27ull            // present, writable, user, accessed
#define ENTRY_LEAF  0x67ull            // and dirty
#define LEVELS      4

static uint64_t *table_of(const struct pal *pal, uint64_t entry)
{
    return pal_tables[pal_number(pal)][((entry & PAGE_MASK) - PAL_PHYSICAL_TABLE(0)) / PAGE_BYTES];
}

static bool map(struct pal *pal, uint64_t address, uint32_t page)
{
    uint64_t *table = pal_tables[pal_number(pal)][0];
    for (unsigned level = LEVELS - 1; level > 0; level--) {
        uint64_t *entry = &table[address >> (PAGE_BITS + 9 * level) & 511];
        if (*entry == 0) {
            if (pal->table_count + pal->copy_count == PAL_TABLES)
                return false;
            *entry = PAL_PHYSICAL_TABLE(pal->table_count++) | ENTRY_TABLE;
        }
        table = table_of(pal, *entry);
    }
    uint64_t *leaf = &table[address >> PAGE_BITS & 511];
    if (*leaf != 0)
        return false;
    *leaf = pal_physical(page) | ENTRY_LEAF;
    return true;
}

bool tables_add(struct pal *pal, uint32_t section)
{
    const struct pal_section *added = &pal->section[section];
    for (uint32_t page = 0; page < added->pages; page++)
        if (!map(pal, added->start + page * PAGE_BYTES, added->first + page))
            return false;
    return true;
}

bool tables_build(struct pal *pal, uint32_t sections)
{
    if (pal->copy_count >= PAL_TABLES)
        return false;
    memset(pal_tables[pal_number(pal)], 0, (PAL_TABLES - pal->copy_count) * PAGE_BYTES);
    pal->table_count = 1;
    for (uint32_t i = 0; i < sections; i++)
        if (!tables_add(pal, i))
            return false;
    return true;
}
