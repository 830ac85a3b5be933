// SPDX-License-Identifier: BSD-2-Clause
// The partitions' address spaces (caps/layout.h), and the window on L1's memory that they share.
#pragma once

#include <stdbool.h>

#include "../boot_info.h"
#include "memory.h"

// Makes the window's tables over all of info's RAM below WINDOW_BYTES; hidden memory is none. False: not enough hidden memory.
bool window_make(struct boot_info *info, struct memory *memory);

// Builds a partition's space: segments with their rights and contents, state region, info page, a channel and a stack for each CPU, and with the right
// records and window. Behind window_make(), records_make() and launch_prepare(). False: not enough hidden memory.
bool space_make(struct boot_info *info, struct memory *memory, uint32_t partition);

// Shows the debugger what the debugged partition has of its own, in place of a window: address X at WINDOW_BASE + X. It may write what that one may write, and its
// text, and execute none of it. Behind both's space_make(). False: not enough hidden memory.
bool space_show(const struct boot_info *info, struct memory *memory, uint32_t debugged, uint32_t debugger);

// Shows who may read the records what travels with messages, as far as that is nobody's secret (RECORDS_RING_BASE), and notes in the records where it lies. Behind all
// partitions' space_make(). False: not enough hidden memory.
bool space_show_rings(const struct boot_info *info, struct memory *memory);
