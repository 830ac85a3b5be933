// SPDX-License-Identifier: BSD-2-Clause
// What L0 watches of L1: the MSR and I/O bitmaps of VMCS01.
#pragma once

#include <stdbool.h>

#include "../boot_info.h"
#include "memory.h"

// Takes memory for the bitmaps and makes them from ../msr_watch.def and what info has of ports and partitions. False: not enough memory.
bool watch_make(struct boot_info *info, struct memory *memory);
