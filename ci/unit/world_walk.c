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

bool window_retrace(const struct guest_trail *trail)
{
    uint64_t entry;
    for (unsigned i = GUEST_STEPS; i-- > 0;)
        if (!window_read64(trail->at[i], &entry) || entry != trail->entry[i])
            return false;
    return true;
}

bool window_retrace_read64(uint64_t *value, uint64_t address, const struct guest_trail *trail)
{
    return window_retrace(trail) && window_read64(address, value);
}

bool window_rerun(const struct guest_run *run)
{
    uint64_t entry;
    for (unsigned i = GUEST_STEPS - 1; i-- > 0;)
        if (!window_read64(run->above_at[i], &entry) || entry != run->above[i])
            return false;
    for (uint64_t i = 0; i < run->qwords; i++)
        if (!window_read64(run->at + i * sizeof(entry), &entry) || entry != run->with[i])
            return false;
    return true;
}
