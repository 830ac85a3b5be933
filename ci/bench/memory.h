// SPDX-License-Identifier: BSD-2-Clause
// Pages for the bench, identity-mapped.
#pragma once

#include <stdint.h>

#include <caps/addr.h>

#define MEMORY_PAGES 768

// Hands out pages of the block at base, zeroed, one after the other.
void memory_use(uint64_t base, uint64_t pages);
void *memory_pages(uint64_t pages);
