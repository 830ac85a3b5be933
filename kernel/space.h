// SPDX-License-Identifier: BSD-2-Clause
// Address space of a partition: page tables, the pages behind them, and where the kernel sees these.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <caps/addr.h>
#include <caps/cap.h>
#include <caps/ring.h>
#include <caps/status.h>

#include "boot_info.h"

struct space {
    hpa_t root;                   // top-level table
    hpa_t segment[BOOT_SEGMENTS];  // first page of each of the image's segments; they are contiguous
    hpa_t state;                  // first page of the state region
    hpa_t info;
};

// Builds the tables (caps/layout.h): segments with their rights, state region, info page, a channel and a stack for each CPU, the window if
// the header has the right. The segments' contents aren't there yet.
//   channels: receives the kernel's view of each CPU's channel
NODISCARD enum status space_create(struct space *space, const struct boot_partition *image, uint32_t cpu_count, struct channel **channels);

// Fills the segments from the image's file, and zeros behind. The state region is filled only the first time.
void space_load(const struct space *space, const struct boot_partition *image, bool first);

// The owned window: shows a page that the partition has taken, or, as long as there is none, a page of ones. The first call for a page may
// fail, and is to be alone; those after it can't. The caller shoots down.
enum status space_own(const struct space *space, gpa1_t page, bool owned);

// Clears every page of the partition's own that it can write, those that it has taken too: on its page tables, without SMAP.
void space_scrub(const struct space *space);

// Where the kernel sees a user page that a partition can write or read, or NULL: for the backtrace of a fault.
const uint64_t *space_peek(const struct space *space, uint64_t va);
