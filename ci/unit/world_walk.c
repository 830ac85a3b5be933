// SPDX-License-Identifier: BSD-2-Clause
// The window's walk down tables, for host tests: entry by entry, as tests that change memory in between want it.

#include <caps/layout.h>
#include <rt/window.h>

bool window_walk(uint64_t top, uint64_t address, struct guest_path *path)
{
    uint64_t table = top - WINDOW_BASE;
    path->all = ~0ull;
    path->any = 0;
    for (unsigned level = 3;; level--) {
        uint64_t *entry = &path->entry[level];
        if (!window_read64(WINDOW_BASE + table + (address >> (12 + 9 * level) & 511) * 8, entry))
            return false;
        if (level == 0 || (*entry & 0x80)) {
            path->table = table;
            path->level = level;
            return true;
        }
        path->all &= *entry;
        path->any |= *entry;
        table = *entry & 0x000ffffffffff000ull & (WINDOW_BYTES - 1);
    }
}

bool window_unchanged(uint64_t top, uint64_t address, const uint64_t *path, unsigned level, const uint64_t *with, uint64_t qwords)
{
    uint64_t table = top - WINDOW_BASE, entry;
    for (unsigned above = 3; above > level; above--) {
        if (!window_read64(WINDOW_BASE + table + (address >> (12 + 9 * above) & 511) * 8, &entry) || entry != path[above])
            return false;
        table = entry & 0x000ffffffffff000ull & (WINDOW_BYTES - 1);
    }
    for (uint64_t i = 0; i < qwords; i++)
        if (!window_read64(WINDOW_BASE + table + ((address >> (12 + 9 * level) & 511) + i) * 8, &entry) || entry != with[i])
            return false;
    return true;
}

bool window_retrace(const struct guest_trail *trail)
{
    uint64_t entry;
    for (unsigned i = GUEST_STEPS; i-- > 0;)
        if (!window_read64(trail->step[i].at, &entry) || entry != trail->step[i].entry)
            return false;
    return true;
}
