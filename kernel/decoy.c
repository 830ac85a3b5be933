// SPDX-License-Identifier: BSD-2-Clause
// The decoy page.

#include "decoy.h"

#include "memory.h"
#include "pool.h"

static hpa_t page;

enum status decoy_init(void)
{
    TRY(pool_alloc(1, &page));
    decoy_refill();
    return STATUS_OK;
}

hpa_t decoy_page(void) { return page; }

void decoy_refill(void) { memory_fill(hidden_va(page), 0xff, PAGE_BYTES); }
