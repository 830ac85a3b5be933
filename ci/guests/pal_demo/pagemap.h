// SPDX-License-Identifier: BSD-2-Clause
// Where a page of the program's own is, as Linux tells root.
#pragma once

#include <stdint.h>

// The guest-physical address, which stays as it is while the page is locked. 0: it isn't in memory.
uint64_t physical_address(uintptr_t address);

int page_swapped(uintptr_t address);
