// SPDX-License-Identifier: BSD-2-Clause
// Physical addresses that L1 names in instructions and VMCS fields.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <rt/info.h>

// No bit beyond the physical-address width.
static inline bool address_fits(uint64_t address) { return (address >> info->physical_bits) == 0; }

// A 4 KiB region: aligned, and within the width.
static inline bool region_valid(uint64_t address) { return (address & 0xfff) == 0 && address_fits(address); }

// Canonical for 4-level paging.
static inline bool address_canonical(uint64_t address) { return (uint64_t)((int64_t)(address << 16) >> 16) == address; }
