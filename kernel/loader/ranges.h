// SPDX-License-Identifier: BSD-2-Clause
// The boot information's memory ranges, out of UEFI's memory map.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../boot_info.h"

// EFI_MEMORY_DESCRIPTOR (UEFI 2.10, 7.2.3 "EFI_BOOT_SERVICES.GetMemoryMap()").
struct efi_memory { uint32_t type, reserved; uint64_t physical, virtual_address, pages, attributes; };

// Sorts, merges what adjoins and is of one kind, and cuts overlaps (the range that starts lower wins). stride: bytes from one descriptor to the
// next. False: more than BOOT_RANGES ranges.
bool ranges_build(struct boot_range range[BOOT_RANGES], uint32_t *count, const void *map, size_t bytes, size_t stride);

// Where the last of them that is no MMIO ends; 4 GiB at least.
uint64_t ranges_end(const struct boot_range *range, uint32_t count);

// Does one range, of a kind other than RANGE_MMIO, hold all of it?
bool ranges_hold(const struct boot_range *range, uint32_t count, uint64_t base, uint64_t bytes);
