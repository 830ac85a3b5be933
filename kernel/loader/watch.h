// SPDX-License-Identifier: BSD-2-Clause
// What L0 watches of L1: VMCS01's bitmaps of MSRs, ports and, where the CPU has VMCS shadowing, VMCS fields.
#pragma once

#include <stdbool.h>

#include "../boot_info.h"
#include "fadt.h"
#include "memory.h"

// Takes memory for the bitmaps and makes them, and info->end, from ../msr_watch.def, group.def, what the FADT has of ports, and info's partitions. False: not
// enough memory.
bool watch_make(struct boot_info *info, struct memory *memory, struct fadt_ports fadt);
