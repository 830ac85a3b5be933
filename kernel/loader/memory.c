// SPDX-License-Identifier: BSD-2-Clause
// Allocates hidden memory from UEFI (UEFI 2.10, 7.2 "Memory Allocation Services").
#include "memory.h"

#include "firmware.h"

#define SPARE_DESCRIPTORS 16
#define LOW_END           (1ull << 32)

// Base of the highest aligned block of free memory that ends at or below end; 0: none.
static uint64_t highest(const uint8_t *map, UINTN map_bytes, UINTN stride, uint64_t bytes, uint64_t end)
{
    uint64_t best = 0;
    for (UINTN at = 0; at + sizeof(EFI_MEMORY_DESCRIPTOR) <= map_bytes; at += stride) {
        const EFI_MEMORY_DESCRIPTOR *range = (const void *)(map + at);
        uint64_t first = range->PhysicalStart, last = first + range->NumberOfPages * PAGE_BYTES;
        if (last > end)
            last = end;
        if (range->Type != EfiConventionalMemory || last < bytes)
            continue;
        uint64_t base = (last - bytes) & ~(LARGE_BYTES - 1);
        if (base >= first && base > best)
            best = base;
    }
    return best;
}

const uint64_t memory_place[MEMORY_PLACES] = { 0x10000000, 0x20000000, 0x40000000, 0x80000000 };

// The first of the fixed places at which so much is free; 0: none.
static uint64_t fixed(const uint8_t *map, UINTN map_bytes, UINTN stride, uint64_t bytes)
{
    for (unsigned i = 0; i < MEMORY_PLACES; i++)
        if (highest(map, map_bytes, stride, bytes, memory_place[i] + bytes) == memory_place[i])
            return memory_place[i];
    return 0;
}

// UEFI itself knows no alignment but the page's. Asking for more and giving the ends back would make some firmware fill them with a pattern.
bool memory_reserve(struct memory *memory, uint64_t bytes)
{
    UINTN map_bytes = 0, key, stride = 0;
    UINT32 version;
    EFI_MEMORY_DESCRIPTOR *map = NULL;
    firmware.boot->GetMemoryMap(&map_bytes, map, &key, &stride, &version);
    map_bytes += SPARE_DESCRIPTORS * stride;  // the allocation itself adds some
    if (EFI_ERROR(firmware.boot->AllocatePool(EfiLoaderData, map_bytes, (void **)&map)))
        return false;
    EFI_PHYSICAL_ADDRESS base = 0;
    if (!EFI_ERROR(firmware.boot->GetMemoryMap(&map_bytes, map, &key, &stride, &version))) {
        base = fixed((const uint8_t *)map, map_bytes, stride, bytes);
        if (!base)
            base = highest((const uint8_t *)map, map_bytes, stride, bytes, LOW_END);
        if (!base)
            base = highest((const uint8_t *)map, map_bytes, stride, bytes, ~0ull);
    }
    firmware.boot->FreePool(map);
    if (!base || EFI_ERROR(firmware.boot->AllocatePages(AllocateAddress, EfiReservedMemoryType, bytes / PAGE_BYTES, &base)))
        return false;
    *memory = (struct memory){.base = base, .bytes = bytes};
    return true;
}

void memory_release(struct memory *memory)
{
    memory_fill((void *)(uintptr_t)memory->base, 0, memory->bytes);
    firmware.boot->FreePages(memory->base, memory->bytes / PAGE_BYTES);
    *memory = (struct memory){0};
}
