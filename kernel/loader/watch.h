// SPDX-License-Identifier: BSD-2-Clause
// What L0 watches of L1: VMCS01's bitmaps of MSRs, ports and, where the CPU has VMCS shadowing, VMCS fields.
#pragma once

#include <stdbool.h>

#include "../boot_info.h"
#include "memory.h"

// Takes memory for the bitmaps and makes them from ../msr_watch.def, group.def and what info has of ports and partitions. False: not enough memory.
bool watch_make(struct boot_info *info, struct memory *memory);
