// SPDX-License-Identifier: BSD-2-Clause
// Page tables of partitions. The kernel writes them and the pages through its own map of hidden memory: never by user addresses.

#include "space.h"

#include <caps/layout.h>

#include "decoy.h"
#include "memory.h"
#include "paging.h"
#include "pool.h"
#include "records.h"
#include "window.h"

// Accessed and dirty are set at once: the CPU need not write the tables.
#define USER_PAGE (PTE_PRESENT | PTE_USER | PTE_ACCESSED | PTE_DIRTY)
#define TABLE     (PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED)

static uint64_t *table_at(uint64_t entry) { return hidden_va((hpa_t){ entry & PTE_ADDRESS }); }

static enum status map_page(const struct space *space, uint64_t va, hpa_t page, uint64_t bits)
{
    uint64_t *table = hidden_va(space->root);
    for (unsigned shift = 39; shift > 12; shift -= 9) {
        uint64_t *entry = &table[(va >> shift) & 511];
        if (!(*entry & PTE_PRESENT)) {
            hpa_t below;
            TRY(pool_alloc(1, &below));
            *entry = below.v | TABLE;
        }
        table = table_at(*entry);
    }
    table[(va >> PAGE_BITS) & 511] = page.v | USER_PAGE | bits;
    return STATUS_OK;
}

enum status space_own(const struct space *space, gpa1_t page, bool owned)
{
    return map_page(space, OWNED_BASE + page.v, owned ? (hpa_t){ page.v } : decoy_page(), owned ? PTE_WRITE | PTE_NX : PTE_NX);
}

static enum status map(const struct space *space, uint64_t va, hpa_t first, uint64_t pages, uint64_t bits)
{
    for (uint64_t i = 0; i < pages; i++)
        TRY(map_page(space, va + i * PAGE_BYTES, (hpa_t){ first.v + i * PAGE_BYTES }, bits));
    return STATUS_OK;
}

static enum status map_segment(struct space *space, unsigned index, const struct boot_segment *segment)
{
    TRY(pool_alloc(segment->pages, &space->segment[index]));
    uint64_t bits = (segment->rights & BOOT_WRITE ? PTE_WRITE : 0) | (segment->rights & BOOT_EXECUTE ? 0 : PTE_NX);
    return map(space, segment->va, space->segment[index], segment->pages, bits);
}

static enum status map_cpu(const struct space *space, uint32_t cpu, struct channel **channel)
{
    hpa_t page;
    TRY(pool_alloc(sizeof(struct channel) / PAGE_BYTES, &page));
    *channel = hidden_va(page);
    uint64_t va = CHANNEL_BASE + cpu * CHANNEL_STRIDE;
    TRY(map(space, va, page, RING_SLOTS, PTE_NX));
    TRY(map(space, va + RING_SLOTS * PAGE_BYTES, (hpa_t){ page.v + RING_SLOTS * PAGE_BYTES },
            sizeof(struct channel) / PAGE_BYTES - RING_SLOTS, PTE_WRITE | PTE_NX));

    TRY(pool_alloc(STACK_BYTES / PAGE_BYTES, &page));
    va = STACK_BASE + (cpu + 1ull) * STACK_STRIDE - STACK_BYTES;
    return map(space, va, page, STACK_BYTES / PAGE_BYTES, PTE_WRITE | PTE_NX);
}
_Static_assert(offsetof(struct channel, reply) == RING_SLOTS * PAGE_BYTES, "the read-only pages of a channel come first");
_Static_assert(STACK_BYTES < STACK_STRIDE, "a guard page below each stack");

// Read-only, and nothing but the records' own pages.
static enum status map_records(const struct space *space, uint32_t cpu_count)
{
    TRY(map(space, RECORDS_BASE, (hpa_t){ records.machine.base }, sizeof(records) / PAGE_BYTES, PTE_NX));
    TRY(map(space, RECORDS_BASE + sizeof(records), (hpa_t){ records.machine.crash_base }, (sizeof(struct records) - sizeof(records)) / PAGE_BYTES, PTE_NX));
    for (uint32_t cpu = 0; cpu < cpu_count; cpu++)
        TRY(map(space, RECORDS_CPU_BASE(cpu), (hpa_t){ records.machine.cpu_base[cpu] }, sizeof(struct records_cpu) / PAGE_BYTES, PTE_NX));
    return STATUS_OK;
}

enum status space_create(struct space *space, const struct boot_partition *image, uint32_t cpu_count, struct channel **channels)
{
    const struct partition_header *header = &image->header;
    TRY(pool_alloc(1, &space->root));
    uint64_t *root = hidden_va(space->root);
    paging_share(root);

    for (unsigned i = 0; i < image->segment_count; i++)
        if (!image->segment[i].state)
            TRY(map_segment(space, i, &image->segment[i]));
    uint64_t state_pages = (header->state_bytes + PAGE_BYTES - 1) / PAGE_BYTES;
    if (state_pages > 0) {
        TRY(pool_alloc(state_pages, &space->state));
        TRY(map(space, STATE_BASE, space->state, state_pages, PTE_WRITE | PTE_NX));
    }
    for (unsigned i = 0; i < image->segment_count; i++)
        if (image->segment[i].state)
            space->segment[i] = (hpa_t){ space->state.v + image->segment[i].va - STATE_BASE };

    TRY(pool_alloc(1, &space->info));
    TRY(map(space, INFO_BASE, space->info, 1, PTE_NX));
    for (uint32_t cpu = 0; cpu < cpu_count; cpu++)
        TRY(map_cpu(space, cpu, &channels[cpu]));

    if (header->rights & RIGHT_RECORDS)
        TRY(map_records(space, cpu_count));
    if (header->rights & (RIGHT_WINDOW_READ | RIGHT_WINDOW_WRITE))
        window_share(root, header->rights & RIGHT_WINDOW_WRITE);
    return STATUS_OK;
}

void space_load(const struct space *space, const struct boot_partition *image, bool first)
{
    const uint8_t *file = hidden_va((hpa_t){ image->base });
    for (unsigned i = 0; i < image->segment_count; i++) {
        const struct boot_segment *segment = &image->segment[i];
        if (segment->state && !first)
            continue;
        uint8_t *to = hidden_va(space->segment[i]);
        uint64_t end = segment->va_offset + segment->file_bytes;
        memory_fill(to, 0, segment->va_offset);
        memory_copy(to + segment->va_offset, file + segment->file_offset, segment->file_bytes);
        memory_fill(to + end, 0, segment->pages * PAGE_BYTES - end);
    }
}

static void scrub(const uint64_t *table, unsigned shift)
{
    for (unsigned i = 0; i < 512; i++) {
        if (!(table[i] & PTE_PRESENT))
            continue;
        if (shift > PAGE_BITS)
            scrub(table_at(table[i]), shift - 9);
        else if (table[i] & PTE_WRITE && hidden_overlaps((hpa_t){ table[i] & PTE_ADDRESS }, PAGE_BYTES))
            memory_fill(table_at(table[i]), 0, PAGE_BYTES);
        else if (table[i] & PTE_WRITE)  // the kernel has no map of L1's memory
            memory_fill((void *)(OWNED_BASE + (table[i] & PTE_ADDRESS)), 0, PAGE_BYTES);
    }
}

// All that is the partition's own lies below the window, under the root's first entry, or in the owned window.
void space_scrub(const struct space *space)
{
    const uint64_t *root = hidden_va(space->root);
    scrub(table_at(root[0]), 30);
    for (uint64_t i = OWNED_BASE >> 39; i < (OWNED_BASE + WINDOW_BYTES) >> 39; i++)
        if (root[i] & PTE_PRESENT)
            scrub(table_at(root[i]), 30);
}
_Static_assert(WINDOW_BASE >= 1ull << 39 && RECORDS_BASE < 1ull << 39 && STACK_BASE + CPU_MAX * STACK_STRIDE < 1ull << 39, "one entry of the root");

const uint64_t *space_peek(const struct space *space, uint64_t va)
{
    if (va % sizeof(uint64_t) != 0 || va >= WINDOW_BASE)
        return NULL;
    const uint64_t *table = hidden_va(space->root);
    for (unsigned shift = 39; shift >= 12; shift -= 9) {
        uint64_t entry = table[(va >> shift) & 511];
        if (!(entry & PTE_PRESENT) || (shift > 12 && (entry & PTE_LARGE)))
            return NULL;
        table = table_at(entry);
    }
    return &table[(va & ~PAGE_MASK) / sizeof(uint64_t)];
}
