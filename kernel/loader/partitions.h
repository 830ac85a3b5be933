// SPDX-License-Identifier: BSD-2-Clause
// The kernel's own objects for partitions.
#pragma once

#include <stdbool.h>

#include "../boot_info.h"
#include "memory.h"

// Makes info->partitions, and their VMCS02s and EPT02 roots. Behind cpu_blocks_make(), records_make() and each partition's space_make(). False: not enough hidden memory.
bool partitions_make(struct boot_info *info, struct memory *memory);
