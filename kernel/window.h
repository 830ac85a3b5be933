// SPDX-License-Identifier: BSD-2-Clause
// Window: L1's memory as partitions with the right see it. One tree of tables for all of them, a mirror of EPT01's RAM.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <caps/addr.h>
#include <caps/status.h>

// Builds the tables over all of EPT01's RAM. Once, before the first window_share.
NODISCARD enum status window_init(void);

// Enters the window into a partition's top-level table.
void window_share(uint64_t *root, bool writable);

// Whether the window shows a page of RAM below WINDOW_BYTES. The first call for a page may fail (STATUS_NO_MEMORY) and is to be alone; those after it can't.
// The caller shoots down.
enum status window_show(gpa1_t page, bool shown);
