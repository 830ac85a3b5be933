// SPDX-License-Identifier: BSD-2-Clause
// Proof: pool_alloc(), for any bitmap and hint, hands out only pages that were free and lie in the pool, aligned and zeroed; it marks them and no others.
// pool_free() frees what it is given and nothing else. A single page is refused only where none is free (I5).
// CBMC: unwind=11 replace=memory_fill:contract_fill
#include "proof.h"

#include "../../kernel/pool.c"

struct records_own records;

#define PAGES 70u  // of the pool: a full word of the bitmap and a part of the next
#define ABOVE 10u  // of which so many, around the end of that word, are not below the hint

const struct vmx_caps *vmx_caps;
static uint64_t bitmap[2], filled, filled_bytes;

void contract_fill(void *to, uint8_t value, size_t bytes)
{
    PROVE(value == 0, "zeros");
    filled = hidden_hpa(to).v;
    filled_bytes = bytes;
}

// What pool_init(), pool_alloc() and pool_free() leave.
static bool state_holds(uint64_t page)
{
    return pool.hint <= pool.pages && (page >= pool.hint || page_used(page));
}

int main(void)
{
    uint64_t watched = any_below(PAGES), pages = 1 + any_below(4), base = any_u64() & PAGE_MASK;
    for (unsigned i = 0; i < 2; i++)
        bitmap[i] = any_u64();
    pool.used = bitmap;
    pool.base = base;
    pool.pages = PAGES - any_below(ABOVE);
    pool.hint = any_u64();
    ASSUME(pool.hint >= PAGES - ABOVE && base < 1ull << 46 && watched < pool.pages);
    ASSUME(state_holds(watched));
    bool was = page_used(watched);

    if (any_bool()) {
        uint64_t first = any_below(PAGES);
        ASSUME(first + pages <= pool.pages && pages <= 4);
        for (uint64_t i = first; i < first + pages; i++)
            ASSUME(page_used(i));
        pool_free((hpa_t){ base + first * PAGE_BYTES }, pages);
        bool freed = watched >= first && watched < first + pages;
        PROVE(page_used(watched) == (was && !freed), "what is freed is free, and nothing else");
        PROVE(state_holds(watched), "no page below the hint is free");
        return 0;
    }
    hpa_t out;
    if (pool_alloc(pages, &out) != STATUS_OK) {
        PROVE(page_used(watched) == was && (pages > 1 || was), "a page is refused only where none is free");
        return 0;
    }
    uint64_t first = (out.v - base) / PAGE_BYTES, align = pages < 3 ? pages : 4;
    bool given = watched >= first && watched < first + pages;
    PROVE(out.v % PAGE_BYTES == 0 && out.v >= base && first + pages <= pool.pages, "pages of the pool");
    PROVE(!given || !was, "that were free");
    PROVE(page_used(watched) == (was || given), "are marked, and nothing else");
    PROVE(out.v / PAGE_BYTES % align == 0, "aligned");
    PROVE(filled == out.v && filled_bytes == pages * PAGE_BYTES, "zeroed");
    PROVE(state_holds(watched), "no page below the hint is free");
    PROVE(pool.lock.held == 0, "the lock is free again");
    return 0;
}
