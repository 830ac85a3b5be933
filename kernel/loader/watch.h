// SPDX-License-Identifier: BSD-2-Clause
// What L0 watches of L1: VMCS01's bitmaps of MSRs, ports and, where the CPU has VMCS shadowing, VMCS fields; and of L2s.
#pragma once

#include <stdbool.h>

#include "../boot_info.h"
#include "fadt.h"
#include "memory.h"

// Takes memory for the bitmaps and makes them, info->watched and info->end, from ../msr_watch.def, group.def, what the FADT has of ports, and info's partitions. False: not
// enough memory.
bool watch_make(struct boot_info *info, struct memory *memory, struct fadt_ports fadt);

// Whether a partition claims a port of L2s that L0 watches itself: one that ends the machine, say, which no partition may hide. Then: which partition, which port.
bool watch_conflict(const struct boot_info *info, uint32_t *partition, uint16_t *port);
