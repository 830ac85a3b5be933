// SPDX-License-Identifier: BSD-2-Clause
// EPT12: L2 sees L1's memory as it is, and a window of 4 KiB pages besides, far above it.
#pragma once

#include <stdint.h>

// The window: L2-linear and L2-physical. Each of its 2 MiB regions has at most one table of 4 KiB leaves.
#define WINDOW_LINEAR   (1ull << 39)
#define WINDOW_PHYSICAL (1ull << 38)
#define WINDOW_REGIONS  512

// Builds the tables and the page tables that lead L2 to the window; returns the EPTP (write-back, 4 levels).
uint64_t ept12_build(void);
// Another EPTP for the same tables, but for the top one.
uint64_t ept12_copy(uint64_t eptp);
// Maps one 4 KiB page of the window to an L1-physical page.
void ept12_map(unsigned region, unsigned page, uint64_t physical);
