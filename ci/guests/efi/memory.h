// SPDX-License-Identifier: BSD-2-Clause
// Pages for a guest of its own, identity-mapped.
#pragma once

#include <stdint.h>

#include <efi.h>

#include <caps/addr.h>

// Pages of the firmware's, all below that address; 0: it has none.
uint64_t memory_below(EFI_SYSTEM_TABLE *system, uint64_t address, uint64_t pages);

// Hands out pages of the block at base, zeroed, one after the other. Too few: a line on COM1, and the end.
void memory_use(uint64_t base, uint64_t pages);
void *memory_pages(uint64_t pages);
