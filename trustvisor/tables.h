// SPDX-License-Identifier: BSD-2-Clause
// A PAL's own page tables: four levels, in the state region, whatever the program's paging is. PAL-physical addresses are ours to choose: page n of
// the PAL, table or copy n.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "pal.h"

#define PAL_PHYSICAL_PAGE(n)  (((uint64_t)(n) + 1) * PAGE_BYTES)
#define PAL_PHYSICAL_TABLE(n) (0x400000ull + (uint64_t)(n) * PAGE_BYTES)
_Static_assert(PAL_PHYSICAL_PAGE(PAL_PAGES_MAX) <= PAL_PHYSICAL_TABLE(0), "pages and tables don't meet");
static inline uint64_t pal_physical(uint32_t page) { return page >= PAL_COPY ? PAL_PHYSICAL_TABLE(page - PAL_COPY) : PAL_PHYSICAL_PAGE(page); }

// Builds them from the first so many sections. false: the sections lie too far apart for PAL_TABLES tables, or two of them overlap.
bool tables_build(struct pal *pal, uint32_t sections);
// One section more.
bool tables_add(struct pal *pal, uint32_t section);
