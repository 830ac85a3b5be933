// SPDX-License-Identifier: BSD-2-Clause
// DMA protection: devices see of memory what L1 sees.
#pragma once

#include <stdbool.h>

#include "../boot_info.h"
#include "conf.h"
#include "memory.h"

// Where the machine's VT-d allows it, makes all units ready for the kernel to turn on; else translation stays off (root tables of some may have changed).
// One line on the console says whether devices will be kept out. The boot information has the memory map and EPT01's top table already.
// False after a line: the configuration requires it and it can't be.
bool dma_prepare(struct boot_info *info, struct memory *memory, enum conf_dma wanted);

// Once the kernel runs: L1 must not look for the units, whose registers it doesn't see. The DMAR table, and any copy, gets another signature, as other
// hypervisors do.
void dma_hide(void);

// The kernel did not start: devices use memory as before. The units' translation and queues are off, their root tables stay L0's.
void dma_stop(void);
