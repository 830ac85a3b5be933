// SPDX-License-Identifier: BSD-2-Clause
// Address space of a partition: page tables, the pages behind them, and where the kernel sees these. Built by the loader (loader/space.c).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <caps/addr.h>
#include <caps/status.h>

#define SPACE_SEGMENTS 6

struct space {
    hpa_t root;                     // top-level table
    hpa_t segment[SPACE_SEGMENTS];  // first page of each of the image's segments; they are contiguous
    hpa_t state;                    // first page of the state region
    hpa_t channels;                 // a struct channel for each CPU, one behind the other
};

struct boot_partition;

// Fills the segments from the image's file, and zeros behind, as the loader has done it first. The state region stays as it is.
void space_load(const struct boot_partition *image);

// The owned window: shows a page that the partition has taken, or, as long as there is none, a page of ones. The first call for a page may
// fail, and is to be alone; those after it can't. The caller shoots down.
enum status space_own(const struct space *space, gpa1_t page, bool owned);

// The window: whether it shows a page of RAM below WINDOW_BYTES: one tree of tables for all partitions with the right, a mirror of EPT01's RAM. As above. What EPT01 doesn't
// map isn't there: invariant I3 rests on it.
enum status window_show(gpa1_t page, bool shown);

// Clears every page of the partition's own that it can write, those that it has taken too: on its page tables, without SMAP.
void space_scrub(const struct space *space);

// Where the kernel sees a user page that a partition can write or read, or NULL: for the backtrace of a fault.
const uint64_t *space_peek(const struct space *space, uint64_t va);
