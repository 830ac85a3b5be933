// SPDX-License-Identifier: BSD-2-Clause
// The window's tables. What EPT01 doesn't map isn't here: invariant I3 rests on it.

#include "window.h"

#include <caps/layout.h>

#include "ept01.h"
#include "log.h"
#include "paging.h"
#include "pool.h"

#define ROOT_SHIFT    39
#define ROOT_ENTRIES  (WINDOW_BYTES >> ROOT_SHIFT)
#define WINDOW_LEAF   (PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED | PTE_DIRTY | PTE_NX)
#define WINDOW_TABLE  (PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED)

static hpa_t top[ROOT_ENTRIES];   // tables of 512 GiB each

static uint64_t *table_at(uint64_t entry) { return hidden_va((hpa_t){ entry & PTE_ADDRESS }); }

// Maps a 2 MiB (shift 21) or 4 KiB (shift 12) page.
static enum status map(uint64_t address, unsigned leaf_shift)
{
    hpa_t *root = &top[address >> ROOT_SHIFT];
    if (root->v == 0)
        TRY(pool_alloc(1, root));
    uint64_t *table = hidden_va(*root);
    for (unsigned shift = 30; shift > leaf_shift; shift -= 9) {
        uint64_t *entry = &table[(address >> shift) & 511];
        if (!(*entry & PTE_PRESENT)) {
            hpa_t below;
            TRY(pool_alloc(1, &below));
            *entry = below.v | WINDOW_TABLE;
        }
        table = table_at(*entry);
    }
    table[(address >> leaf_shift) & 511] = address | WINDOW_LEAF | (leaf_shift > PAGE_BITS ? PTE_LARGE : 0);
    return STATUS_OK;
}

enum status window_init(void)
{
    gpa1_t base;
    uint64_t bytes;
    for (unsigned i = 0; ept01_ram_range(i, &base, &bytes); i++) {
        uint64_t address = base.v, end = base.v + bytes;
        if (end > WINDOW_BYTES) {
            log_line(LOG_WARN, "window: memory from 0x%lx on is beyond it", (unsigned long)WINDOW_BYTES);
            end = end < WINDOW_BYTES ? end : WINDOW_BYTES;
        }
        while (address < end) {
            bool large = address % LARGE_BYTES == 0 && end - address >= LARGE_BYTES;
            TRY(map(address, large ? 21 : PAGE_BITS));
            address += large ? LARGE_BYTES : PAGE_BYTES;
        }
    }
    return STATUS_OK;
}

void window_share(uint64_t *root, bool writable)
{
    for (unsigned i = 0; i < ROOT_ENTRIES; i++)
        if (top[i].v != 0)
            root[(WINDOW_BASE >> ROOT_SHIFT) + i] = top[i].v | (writable ? WINDOW_TABLE : WINDOW_TABLE & ~PTE_WRITE) | PTE_NX;
}

enum status window_show(gpa1_t page, bool shown)
{
    uint64_t *middle = table_at(((uint64_t *)hidden_va(top[page.v >> ROOT_SHIFT]))[(page.v >> 30) & 511]);
    uint64_t *entry = &middle[(page.v >> 21) & 511], leaf = *entry & ~PTE_LARGE;
    hpa_t below;
    if (*entry & PTE_LARGE) {
        TRY(pool_alloc(1, &below));
        for (uint64_t i = 0; i < 512; i++)
            ((uint64_t *)hidden_va(below))[i] = leaf + (i << PAGE_BITS);
        __atomic_store_n(entry, below.v | WINDOW_TABLE, __ATOMIC_RELEASE);
    }
    __atomic_store_n(&table_at(*entry)[(page.v >> PAGE_BITS) & 511], shown ? page.v | WINDOW_LEAF : 0, __ATOMIC_RELEASE);
    return STATUS_OK;
}
