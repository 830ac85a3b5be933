// SPDX-License-Identifier: BSD-2-Clause
// L1's memory: the bounds of the window.

#include <rt/guest.h>
#include <rt/window.h>

static bool in_window(gpa1_t address, uint64_t bytes)
{
    return bytes <= WINDOW_BYTES && address.v <= WINDOW_BYTES - bytes;
}

bool guest_read64(gpa1_t address, uint64_t *value)
{
    return in_window(address, sizeof(*value)) && window_read64(WINDOW_BASE + address.v, value);
}

bool guest_read32(gpa1_t address, uint32_t *value)
{
    return in_window(address, sizeof(*value)) && window_read32(WINDOW_BASE + address.v, value);
}

bool guest_write64(gpa1_t address, uint64_t value)
{
    return in_window(address, sizeof(value)) && window_write64(WINDOW_BASE + address.v, value);
}

bool guest_write32(gpa1_t address, uint32_t value)
{
    return in_window(address, sizeof(value)) && window_write32(WINDOW_BASE + address.v, value);
}

bool guest_copy_in(void *to, gpa1_t from, uint64_t bytes)
{
    return in_window(from, bytes) && window_copy_in(to, WINDOW_BASE + from.v, bytes);
}

bool guest_copy_out(gpa1_t to, const void *from, uint64_t bytes)
{
    return in_window(to, bytes) && window_copy_out(WINDOW_BASE + to.v, from, bytes);
}

bool guest_compare(gpa1_t address, const uint64_t *with, uint64_t qwords, uint64_t *equal)
{
    return qwords <= WINDOW_BYTES / sizeof(*with) && in_window(address, qwords * sizeof(*with)) &&
           window_compare(WINDOW_BASE + address.v, with, qwords, equal);
}

bool guest_exchange64(gpa1_t address, uint64_t expected, uint64_t desired, uint64_t *found)
{
    return in_window(address, sizeof(desired)) && window_exchange64(WINDOW_BASE + address.v, expected, desired, found);
}

bool guest_exchange32(gpa1_t address, uint32_t expected, uint32_t desired, uint32_t *found)
{
    return in_window(address, sizeof(desired)) && window_exchange32(WINDOW_BASE + address.v, expected, desired, found);
}

#define ENTRY_ADDRESS 0x000ffffffffff000ull
_Static_assert((WINDOW_BYTES & (WINDOW_BYTES - 1)) == 0, "an address in the window is one without the bits above");

bool guest_walk(gpa1_t top, uint64_t address, struct guest_path *path)
{
    // Tables beyond the window are none that can be read: what was, in the place of one, says nothing.
    return in_window(top, PAGE_BYTES) && window_walk(WINDOW_BASE + top.v, address, path) && !(path->any & ENTRY_ADDRESS & ~(WINDOW_BYTES - 1));
}

bool guest_trail_keep(gpa1_t top, uint64_t address, const struct guest_path *path, gpa1_t page, struct guest_trail *trail)
{
    uint64_t table = top.v & ENTRY_ADDRESS;
    for (unsigned level = GUEST_STEPS; level-- > 0;) {
        const bool walked = level >= path->level;
        trail->at[level] = walked ? WINDOW_BASE + table + (address >> (12 + 9 * level) & 511) * sizeof(uint64_t) : trail->at[level + 1];
        trail->entry[level] = walked ? path->entry[level] : trail->entry[level + 1];
        table = path->entry[level] & ENTRY_ADDRESS;
    }
    page.v &= ENTRY_ADDRESS;
    trail->page = WINDOW_BASE + page.v;
    return in_window(page, PAGE_BYTES);
}

bool guest_trail_holds(const struct guest_trail *trail) { return window_retrace(trail); }

bool guest_trail_read64(const struct guest_trail *trail, uint64_t offset, uint64_t *value) { return window_retrace_read64(value, trail->page + offset, trail); }

bool guest_run_keep(gpa1_t top, uint64_t address, unsigned level, const uint64_t path[4], const uint64_t *with, uint64_t qwords, struct guest_run *run)
{
    const uint64_t index = address >> (PAGE_BITS + 9 * level) & 511;
    gpa1_t table = top;
    for (unsigned above = GUEST_STEPS - 1; above > level; above--) {
        if (!in_window(table, PAGE_BYTES))
            return false;
        run->above_at[above - 1] = WINDOW_BASE + table.v + (address >> (PAGE_BITS + 9 * above) & 511) * sizeof(uint64_t);
        run->above[above - 1] = path[above];
        table.v = path[above] & ENTRY_ADDRESS;
    }
    for (unsigned below = level; below > 0; below--) {
        run->above_at[below - 1] = run->above_at[below];
        run->above[below - 1] = run->above[below];
    }
    if (!in_window(table, PAGE_BYTES) || qwords == 0 || qwords > 512 - index)
        return false;
    run->at = WINDOW_BASE + table.v + index * sizeof(uint64_t);
    run->qwords = qwords;
    run->with = with;
    return true;
}

bool guest_run_holds(const struct guest_run *run) { return window_rerun(run); }
