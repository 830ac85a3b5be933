// SPDX-License-Identifier: BSD-2-Clause
// What 64-bit programs ask Linux: where their pages are, as it tells root; whether a file is there.
#pragma once

#include <stdint.h>

// The guest-physical address, which stays as it is while the page is locked. 0: it isn't in memory.
uint64_t physical_address(uintptr_t address);

int page_swapped(uintptr_t address);

int file_there(const char *path);
void sleep_shortly(void);  // 100 ms
