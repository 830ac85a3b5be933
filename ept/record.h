// SPDX-License-Identifier: BSD-2-Clause
// What was mapped: per EPT12 table that mapped leaves came from, those leaves, so that INVEPT can tell which of them changed.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <caps/addr.h>

#include <rt/walk12.h>

// Tables at once. One is 4 KiB and stands for 2 MiB of 4 KiB pages: 512 MiB of L2 memory in small pages, any amount in
// large ones. Who finds none left takes the oldest ones' (room.h).
#define RECORDS 256u

struct record {
    gpa2_t base;        // first address that the table translates
    struct record *before, *after; // of the same root
    uint64_t used;      // when something was last mapped by it: tree_touch(); 0: the record is free
    struct guest_run run;   // while run_kept: path[] and seen[low] to seen[high - 1], where EPT12 has them. Then the record isn't mixed
    uint16_t low, high; // entries outside of [low, high) aren't mapped, and seen[] has nothing of them
    uint16_t rights;    // that the levels above granted, to one entry or another
    uint16_t next;      // in the same bucket, or free: 1 + index, 0: none
    uint8_t root;
    uint8_t level;      // of the table
    bool mixed;         // the path isn't what all entries were mapped by, or lacked accessed flags then
    bool run_kept;      // until something is mapped by the record, or its path is another
    uint64_t path[WALK12_LEVELS];          // by level: the entries above, as they were
    uint64_t mapped[WALK12_ENTRIES / 64];  // a bit for each entry
    uint64_t seen[WALK12_ENTRIES];         // the entries as EPT12 had them when they were mapped; of others, what was met last, or 0
};

// The record of the table of that level that translates the address; NULL where there is none.
struct record *record_find(uint32_t root, gpa2_t address, unsigned level);

// The record of the table in which the walk to the address ended, and by which path; flags: EPT12 has accessed and dirty flags. *made: a new one. NULL: none is left.
struct record *record_at(uint32_t root, gpa2_t address, const struct walk12 *walk, bool flags, bool *made);
struct record *record_at_page(uint32_t root, gpa2_t address, const struct walk12 *walk, bool flags, bool *made);  // the same where it ended in a page table

// The entries lie in [low, high) from now on; what is new besides them was not met yet.
void record_reach(struct record *record, unsigned first, unsigned count);

static inline bool record_maps(const struct record *record, unsigned index)
{
    return (record->mapped[index / 64] >> (index % 64)) & 1;
}

// Whether no entry is mapped.
bool record_is_empty(const struct record *record);

// Notes that entries are mapped, as EPT12 has them: of count (all in one word of mapped[]) from first on those that the mask names. Of the others the
// entries tell what was met.
void record_map(struct record *record, unsigned first, unsigned count, const uint64_t *entries, uint64_t mask);

// Notes that the entry isn't mapped any more. The index lies in [low, high).
void record_unmap(struct record *record, unsigned index);

// Where the first record of a root is: NULL where there is none.
struct record *const *record_first(uint32_t root);

// The records that were used least recently, the oldest first: at most that many, and an eighth of all, rounded up. Returns how many.
unsigned record_oldest(struct record *oldest[], unsigned most);

// Gives one record back.
void record_free(struct record *record);

// Gives all records of the root back.
void record_forget(uint32_t root);
