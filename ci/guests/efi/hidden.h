// SPDX-License-Identifier: BSD-2-Clause
// Hidden memory, as L1 can find it: reserved, and all ones.
#pragma once

#include <stdint.h>

#include <efi.h>

struct hidden { uint64_t first, end; };  // both 0: there is none

// The first such block of 4 MiB and more in the firmware's map of memory, from a boundary of 2 MiB on.
struct hidden hidden_find(EFI_SYSTEM_TABLE *system);
