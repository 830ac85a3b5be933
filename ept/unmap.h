// SPDX-License-Identifier: BSD-2-Clause
// Taking mappings out of the trees. What is asked for gathers in the reply, and is done when that is full and when unmap_apply() returns; with what is known of
// it, between tree_settle() and tree_leave().
#pragma once

#include <stdint.h>

#include <caps/msg.h>

#include "record.h"

void unmap_apply(struct reply *rep);

// One entry that the record has.
void unmap_entry(struct reply *rep, struct record *record, unsigned index);

// What the tree has of 2 MiB: a page table with all that it maps, or a large page. The table's record is given back, if it has one.
void unmap_region(struct reply *rep, uint32_t root, gpa2_t base);

// All that the record tells of, and of a page table EPT02's table itself, which is free then. The record is given back.
void unmap_record(struct reply *rep, struct record *record);

// All of a tree that no record tells of.
void unmap_unrecorded(struct reply *rep, uint32_t root);
