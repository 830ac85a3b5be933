// SPDX-License-Identifier: BSD-2-Clause
// Proof: pool_init(), for any boot information, takes for the pool only pages that lie in hidden memory and in the loader's free range, and the pages of the
// bitmap are marked: they hold a bit for every page, and are never handed out (I5).
// CBMC: unwind=4 replace=memory_fill:contract_fill,page_flip:contract_flip
#include "proof.h"

#include "../../kernel/pool.c"

struct records_own records;

const struct vmx_caps *vmx_caps;
static uint64_t flipped, filled, filled_bytes;

void contract_fill(void *to, uint8_t value, size_t bytes)
{
    PROVE(value == 0, "every page is free at first");
    filled = hidden_hpa(to).v;
    filled_bytes = bytes;
}

void contract_flip(uint64_t page) { PROVE(page == flipped++, "the first pages, one after the other"); }

int main(void)
{
    struct boot_info info;
    ASSUME(info.hidden_base < 1ull << 46 && info.hidden_bytes < 1ull << 46 && info.free_base < 1ull << 46);
    ASSUME(info.free_bytes < 3ull * 8 * PAGE_BYTES * PAGE_BYTES);  // three pages of bitmap
    if (pool_init(&info) != STATUS_OK)
        return 0;
    uint64_t end = pool.base + pool.pages * PAGE_BYTES;
    PROVE(pool.base % PAGE_BYTES == 0 && pool.base >= info.free_base && end <= info.free_base + info.free_bytes, "in the free range");
    PROVE(pool.base >= info.hidden_base && end <= info.hidden_base + info.hidden_bytes, "in hidden memory");
    PROVE((uint64_t)(uintptr_t)pool.used == HIDDEN_BASE + pool.base && filled == pool.base && filled_bytes == flipped * PAGE_BYTES, "the bitmap is fresh");
    PROVE((pool.pages + 63) / 64 * 8 <= flipped * PAGE_BYTES && flipped < pool.pages, "and has a bit for every page");
    PROVE(pool.hint == flipped && records.machine.free_pages == pool.pages - flipped, "the rest is free");
    return 0;
}
