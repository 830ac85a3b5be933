// SPDX-License-Identifier: BSD-2-Clause
// L1's memory, through the window: what EPT01 doesn't map isn't there.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <caps/addr.h>
#include <caps/layout.h>

// All of these return false, and leave *value alone, where EPT01 doesn't map all of the bytes, where the address lies beyond WINDOW_BYTES,
// or where the partition has no right to it. A value that is aligned to its size is read and written in one access. What one can
// read may change at any time: read once, check, use.
bool guest_read64(gpa1_t address, uint64_t *value);
bool guest_read32(gpa1_t address, uint32_t *value);
bool guest_write64(gpa1_t address, uint64_t value);
bool guest_write32(gpa1_t address, uint32_t value);

// Any number of bytes. What was copied before a page that isn't mapped stays copied.
bool guest_copy_in(void *to, gpa1_t from, uint64_t bytes);
bool guest_copy_out(gpa1_t to, const void *from, uint64_t bytes);

// Compares qwords; *equal is how many of the first ones are equal to those at with.
bool guest_compare(gpa1_t address, const uint64_t *with, uint64_t qwords, uint64_t *equal);

// LOCK CMPXCHG: writes desired if the value is expected; *found is what was there (== expected: written).
bool guest_exchange64(gpa1_t address, uint64_t expected, uint64_t desired, uint64_t *found);
bool guest_exchange32(gpa1_t address, uint32_t expected, uint32_t desired, uint32_t *found);

// A walk down tables of 512 entries, as page tables of IA-32e mode and EPT's are: bits 51:12 of an entry name the next table, bit 7 above the lowest level
// makes it a leaf.
struct guest_path {
    uint64_t all, any;    // the AND and the OR of the entries that were taken for tables (all ones and 0 where there was none)
    uint64_t table;       // the table where the walk ended, of...
    uint64_t level;       // ...that level, 3 to 0
    uint64_t entry[4];    // by level: those that name tables, and the leaf
};

// From a table of the fourth level, for bits 47:12 of the address. Each entry is read once, and none is judged: the caller looks at all, any and the leaf.
// false: EPT01 doesn't map an entry.
bool guest_walk(gpa1_t top, uint64_t address, struct guest_path *path);

// Where a walk found each of its entries, and what they were; below a leaf the leaf again. And where the page is that it led to.
#define GUEST_STEPS 4
struct guest_trail {
    uint64_t at[GUEST_STEPS], entry[GUEST_STEPS];
    uint64_t page;
};

// Of a walk that was done; of top and page only bits 51:12 count. false: the page lies beyond the window.
bool guest_trail_keep(gpa1_t top, uint64_t address, const struct guest_path *path, gpa1_t page, struct guest_trail *trail);

// Whether the same walk would find the same now: all its entries are read again, each once. For a trail that was kept.
bool guest_trail_holds(const struct guest_trail *trail);

// The same, and what is read of the page then, offset bytes from its beginning: PAGE_BYTES - 8 at most. false, too, where EPT01 doesn't map it.
bool guest_trail_read64(const struct guest_trail *trail, uint64_t offset, uint64_t *value);

// Where a walk found the entries above a table, and what they were (those of the lowest level again where there are fewer); and entries that follow each other
// in the table, with what they were.
struct guest_run {
    uint64_t above_at[GUEST_STEPS - 1], above[GUEST_STEPS - 1];
    uint64_t at, qwords;
    const uint64_t *with;
};

// Of such a walk from top, by the entries path[] (by level) above the given level, 0 to 2, to a table of which these qwords from the address' entry on were like
// with[], which stays the caller's; at least one. false: they don't lie in one table, or a table lies beyond the window.
bool guest_run_keep(gpa1_t top, uint64_t address, unsigned level, const uint64_t path[4], const uint64_t *with, uint64_t qwords, struct guest_run *run);

// Whether the same walk would find the same now. false, too, where EPT01 doesn't map one of the entries. For a run that was kept.
bool guest_run_holds(const struct guest_run *run);
