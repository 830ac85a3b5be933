// SPDX-License-Identifier: BSD-2-Clause
// Pool: what is left at the end of the loader's free range. Nothing comes back: who needs a page for a while keeps it for the next time.
#include "pool.h"

#include "log.h"
#include "memory.h"

enum status pool_alloc(uint64_t pages, hpa_t *out)
{
    uint64_t left = pool_free_pages();
    do {
        if (pages > left)
            return STATUS_NO_MEMORY;
    } while (!__atomic_compare_exchange_n(&records->machine.free_pages, &left, left - pages, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    out->v = boot_info->free_base + boot_info->free_bytes - left * PAGE_BYTES;
    memory_fill(hidden_va(*out), 0, pages * PAGE_BYTES);
    return STATUS_OK;
}

uint64_t pool_free_pages(void) { return __atomic_load_n(&records->machine.free_pages, __ATOMIC_RELAXED); }

bool hidden_overlaps(hpa_t base, uint64_t bytes)
{
    bool overlaps = base.v < boot_info->hidden_base + boot_info->hidden_bytes && boot_info->hidden_base < base.v + bytes;
    for (const struct boot_vtd *unit = boot_info->vtd; unit < boot_info->vtd + boot_info->vtd_count; unit++)
        overlaps |= base.v < unit->base + unit->bytes && unit->base < base.v + bytes;
    return overlaps;
}
