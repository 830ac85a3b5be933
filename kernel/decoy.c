// SPDX-License-Identifier: BSD-2-Clause
// The decoy page.

#include "decoy.h"

#include "memory.h"
#include "pool.h"

hpa_t decoy_page(void) { return (hpa_t){ boot_info->decoys + DECOY_02 * PAGE_BYTES }; }

void decoy_refill(void) { memory_fill(hidden_va(decoy_page()), 0xff, PAGE_BYTES); }
