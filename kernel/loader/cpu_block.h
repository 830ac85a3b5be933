// SPDX-License-Identifier: BSD-2-Clause
// CPU blocks: what the kernel keeps for each CPU (struct cpu of ../cpu.h), ready for it to run on.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "../boot_info.h"
#include "memory.h"

// Takes a block for each of info's CPUs from the top of hidden memory, and the CPU's VMX regions; fills in descriptor tables and all that is known.
// False: not enough memory.
bool cpu_blocks_make(struct boot_info *info, struct memory *memory, const uint32_t apic_id[CPU_MAX]);
