// SPDX-License-Identifier: BSD-2-Clause
// What was mapped: per EPT12 table that mapped leaves came from, those leaves, so that INVEPT can tell which of them changed.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <caps/addr.h>

#include "walk12.h"

// Tables at once. One is 4 KiB and stands for 2 MiB of 4 KiB pages: 512 MiB of L2 memory in small pages, any amount in
// large ones. A tree that finds none left is dropped as a whole at the next INVEPT.
#define RECORDS 256u

struct record {
    gpa2_t base;        // first address that the table translates
    uint16_t low, high; // entries outside of [low, high) are 0, whatever the array holds there
    uint16_t count;     // entries that aren't 0
    uint16_t next;      // in the same bucket
    uint8_t root;
    uint8_t level;      // of the table
    bool taken;
    uint64_t entry[WALK12_ENTRIES];  // mapped as: record_entry(), 0: not mapped
};

// The bits of a leaf that a mapping is made from, with the rights that all levels together grant.
uint64_t record_entry(uint64_t entry, unsigned rights, unsigned level);

// The record of the table of that level that translates the address; NULL where there is none.
struct record *record_find(uint32_t root, gpa2_t address, unsigned level);

// The same; makes one where there is none. NULL: none is left.
struct record *record_get(uint32_t root, gpa2_t address, unsigned level);

// What is noted of entry number index.
static inline uint64_t record_at(const struct record *record, unsigned index)
{
    return index >= record->low && index < record->high ? record->entry[index] : 0;
}

// Notes that entry number index is mapped, or with 0 that it isn't any more.
void record_set(struct record *record, unsigned index, uint64_t entry);

// The next record of the root, from *position (0 at first) on; NULL at the end. Records may be freed between two calls.
struct record *record_next(uint32_t root, uint32_t *position);

// Gives one record back.
void record_free(struct record *record);

// Gives all records of the root back.
void record_forget(uint32_t root);
