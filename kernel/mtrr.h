// SPDX-License-Identifier: BSD-2-Clause
// MTRRs: which memory type the firmware and L1 gave to physical memory (SDM 3A 12.11 "Memory Type Range Registers").
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum memory_type { MEMORY_UC = 0, MEMORY_WC = 1, MEMORY_WT = 4, MEMORY_WP = 5, MEMORY_WB = 6 };

// Reads this CPU's MTRRs. true: they are on, and other than those read before; from now on they count.
bool mtrr_read(void);

// The type of [base, base + bytes), where it is the same everywhere in it; bytes is a power of two of at least 4 KiB, base aligned to it.
bool mtrr_type(uint64_t base, uint64_t bytes, enum memory_type *type);
