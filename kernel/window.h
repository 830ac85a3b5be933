// SPDX-License-Identifier: BSD-2-Clause
// Window: L1's memory as partitions with the right see it. One tree of tables for all of them, a mirror of EPT01's RAM.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <caps/addr.h>
#include <caps/status.h>

// Builds the tables over all of EPT01's RAM. Once, before the first window_share. (EPT01's RAM never changes as long as no frame is taken from L1.)
NODISCARD enum status window_init(void);

// Enters the window into a partition's top-level table.
void window_share(uint64_t *root, bool writable);
