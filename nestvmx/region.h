// SPDX-License-Identifier: BSD-2-Clause
// Physical addresses that L1 names in instructions and VMCS fields.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <rt/info.h>

#include "x86.h"

// No bit beyond the physical-address width.
static inline bool address_fits(uint64_t address) { return (address >> info->physical_bits) == 0; }

// A 4 KiB region: aligned, and within the width.
static inline bool region_valid(uint64_t address) { return (address & 0xfff) == 0 && address_fits(address); }

// CR3: where the CPU has linear-address masking, bits 62:61 switch it on.
static inline bool cr3_fits(uint64_t cr3) { return address_fits(info->cr4_supported & CR4_LAM_SUP ? cr3 & ~CR3_LAM : cr3); }

// Whether the bits from one on are all the same.
static inline bool bits_same(uint64_t address, unsigned from) { return (uint64_t)((int64_t)(address << (63 - from)) >> (63 - from)) == address; }

// Canonical by the CPU's linear-address width, which is what counts for MSRs, bases of segments and tables, and INVVPID, whatever CR4.LA57 says.
static inline bool address_canonical(uint64_t address) { return bits_same(address, info->linear_bits - 1); }

// The same but for the highest bit of the width.
static inline bool address_fits_linear(uint64_t address) { return bits_same(address, info->linear_bits); }
