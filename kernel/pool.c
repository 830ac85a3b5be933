// SPDX-License-Identifier: BSD-2-Clause
// Pool: a bitmap of the free pages of hidden memory, itself in the first of them.
#include "pool.h"

#include "memory.h"
#include "records.h"
#include "spinlock.h"

static struct {
    struct spinlock lock;
    uint64_t *used;       // one bit a page
    uint64_t base, pages; // first page's address, how many
    uint64_t hint;        // no page below is free
} pool;

hpa_t hidden_base;
uint64_t hidden_bytes;

static bool page_used(uint64_t i) { return (pool.used[i / 64] >> (i % 64)) & 1; }
static void page_flip(uint64_t i) { pool.used[i / 64] ^= 1ull << (i % 64); }

enum status pool_init(const struct boot_info *info)
{
    hidden_base = (hpa_t){ info->hidden_base };
    hidden_bytes = info->hidden_bytes;
    pool.base = (info->free_base + PAGE_BYTES - 1) & PAGE_MASK;
    uint64_t end = (info->free_base + info->free_bytes) & PAGE_MASK;
    if (end <= pool.base || pool.base < hidden_base.v || end > hidden_base.v + hidden_bytes)
        return STATUS_NO_MEMORY;
    pool.pages = (end - pool.base) / PAGE_BYTES;
    uint64_t bitmap_pages = (pool.pages / 8 + PAGE_BYTES) / PAGE_BYTES;
    if (bitmap_pages >= pool.pages)
        return STATUS_NO_MEMORY;
    pool.used = hidden_va((hpa_t){ pool.base });
    memory_fill(pool.used, 0, bitmap_pages * PAGE_BYTES);
    for (uint64_t i = 0; i < bitmap_pages; i++)
        page_flip(i);
    records.machine.free_pages = pool.pages - bitmap_pages;
    pool.hint = bitmap_pages;
    return STATUS_OK;
}

// First of so many free pages in a row, by address aligned to align pages, or pool.pages.
static uint64_t find(uint64_t pages, uint64_t align)
{
    uint64_t first_page = pool.base / PAGE_BYTES, run = 0;
    for (uint64_t i = pool.hint; i < pool.pages; i++) {
        if (page_used(i) || (run == 0 && (first_page + i) % align)) {
            run = 0;
            if (pool.used[i / 64] == ~0ull)
                i |= 63;  // to the next word
        } else if (++run == pages) {
            return i + 1 - pages;
        }
    }
    return pool.pages;
}

enum status pool_alloc(uint64_t pages, hpa_t *out)
{
    uint64_t align = 1;
    while (align < pages)
        align *= 2;
    spinlock_acquire(&pool.lock);
    uint64_t i = find(pages, align);
    if (i == pool.pages) {
        spinlock_release(&pool.lock);
        return STATUS_NO_MEMORY;
    }
    for (uint64_t n = 0; n < pages; n++)
        page_flip(i + n);
    if (pages == 1)
        pool.hint = i + 1;
    records.machine.free_pages -= pages;
    spinlock_release(&pool.lock);
    out->v = pool.base + i * PAGE_BYTES;
    memory_fill(hidden_va(*out), 0, pages * PAGE_BYTES);
    return STATUS_OK;
}

void pool_free(hpa_t base, uint64_t pages)
{
    spinlock_acquire(&pool.lock);
    uint64_t i = (base.v - pool.base) / PAGE_BYTES;
    for (uint64_t n = 0; n < pages; n++)
        page_flip(i + n);
    if (i < pool.hint)
        pool.hint = i;
    records.machine.free_pages += pages;
    spinlock_release(&pool.lock);
}

uint64_t pool_free_pages(void) { return __atomic_load_n(&records.machine.free_pages, __ATOMIC_RELAXED); }

bool hidden_overlaps(hpa_t base, uint64_t bytes)
{
    return base.v < hidden_base.v + hidden_bytes && hidden_base.v < base.v + bytes;
}
