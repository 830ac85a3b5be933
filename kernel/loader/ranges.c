// SPDX-License-Identifier: BSD-2-Clause
// Turns UEFI's memory map into ranges. Pure.
#include "ranges.h"

#include <caps/addr.h>

#define LOW_BYTES (4ull << 30)

// UEFI's memory types, by number (UEFI 2.10, 7.2 "Memory Allocation Services"). Runtime services' memory is RAM: the OS uses what is in it.
static const uint8_t kinds[] = {
    [0] = RANGE_RESERVED,   // reserved
    [1] = RANGE_RAM,        // loader code
    [2] = RANGE_RAM,        // loader data
    [3] = RANGE_RAM,        // boot services code
    [4] = RANGE_RAM,        // boot services data
    [5] = RANGE_RAM,        // runtime services code
    [6] = RANGE_RAM,        // runtime services data
    [7] = RANGE_RAM,        // conventional
    [8] = RANGE_RESERVED,   // unusable
    [9] = RANGE_ACPI,       // ACPI reclaim
    [10] = RANGE_ACPI,      // ACPI NVS
    [11] = RANGE_MMIO,      // memory-mapped I/O
    [12] = RANGE_MMIO,      // memory-mapped I/O ports
    [13] = RANGE_RESERVED,  // PAL code
    [14] = RANGE_RAM,       // persistent
};

static const struct efi_memory *descriptor_at(const void *map, size_t stride, size_t i)
{
    return (const struct efi_memory *)(const void *)((const uint8_t *)map + i * stride);
}

// The index of the descriptor that comes after `last` in the order of addresses; `none` stands for before the first and behind the last.
static size_t next_of(const void *map, size_t count, size_t stride, size_t last, size_t none)
{
    const uint64_t from = last == none ? 0 : descriptor_at(map, stride, last)->physical;
    size_t best = none;
    uint64_t lowest = ~0ull;  // once for each pair of descriptors: as little as possible
    for (size_t i = 0; i < count; i++) {
        const uint64_t base = descriptor_at(map, stride, i)->physical;
        if (base < from || base > lowest || (base == lowest && best != none) || (base == from && last != none && i <= last))
            continue;
        best = i;
        lowest = base;
    }
    return best;
}

bool ranges_build(struct boot_range range[BOOT_RANGES], uint32_t *count, const void *map, size_t bytes, size_t stride)
{
    *count = 0;
    if (stride < sizeof(struct efi_memory))
        return false;
    size_t total = bytes / stride, none = total;
    uint64_t end = 0;  // of all ranges so far
    for (size_t i = next_of(map, total, stride, none, none); i != none; i = next_of(map, total, stride, i, none)) {
        const struct efi_memory *m = descriptor_at(map, stride, i);
        uint64_t base = m->physical & PAGE_MASK;
        uint64_t most = (PAGE_MASK - base) / PAGE_BYTES;
        uint64_t stop = base + (m->pages < most ? m->pages : most) * PAGE_BYTES;
        if (base < end)
            base = end;
        if (stop <= base)
            continue;
        uint32_t kind = m->type < sizeof(kinds) ? kinds[m->type] : RANGE_RESERVED;
        struct boot_range *last = *count ? &range[*count - 1] : NULL;
        if (last && last->kind == kind && end == base) {
            last->bytes += stop - base;
        } else {
            if (*count == BOOT_RANGES)
                return false;
            range[(*count)++] = (struct boot_range){.base = base, .bytes = stop - base, .kind = kind};
        }
        end = stop;
    }
    return true;
}

bool ranges_hold(const struct boot_range *range, uint32_t count, uint64_t base, uint64_t bytes)
{
    for (uint32_t i = 0; i < count; i++)
        if (range[i].kind != RANGE_MMIO && base >= range[i].base && base - range[i].base < range[i].bytes &&
            bytes <= range[i].bytes - (base - range[i].base))
            return true;
    return false;
}

uint64_t ranges_end(const struct boot_range *range, uint32_t count)
{
    uint64_t end = LOW_BYTES;
    for (uint32_t i = 0; i < count; i++)
        if (range[i].kind != RANGE_MMIO && range[i].base + range[i].bytes > end)
            end = range[i].base + range[i].bytes;
    return end;
}
