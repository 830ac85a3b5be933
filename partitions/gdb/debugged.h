// SPDX-License-Identifier: BSD-2-Clause
// The debugged partition's memory, by its own addresses: what the loader shows in place of a window.
#pragma once

#include <stdbool.h>
#include <stdint.h>

// false: not all of it is there, or is to be written (text is). What was copied before that stays copied.
bool debugged_read(uint64_t address, void *to, uint64_t bytes);
bool debugged_write(uint64_t address, const void *from, uint64_t bytes);
