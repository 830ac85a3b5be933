// SPDX-License-Identifier: BSD-2-Clause
// Hidden memory, as L1 can find it: reserved, and all ones.

#include <stdbool.h>

#include "hidden.h"

#define MAP_BYTES 32768
#define ONES      (~0ull)

static bool ones(uint64_t address)
{
    return *(const volatile uint64_t *)(uintptr_t)address == ONES && *(const volatile uint64_t *)(uintptr_t)(address + 0x1000) == ONES;
}

struct hidden hidden_find(EFI_SYSTEM_TABLE *system)
{
    static uint8_t map[MAP_BYTES];
    UINTN bytes = sizeof(map), key, entry_bytes;
    UINT32 version;
    if (EFI_ERROR(system->BootServices->GetMemoryMap(&bytes, (EFI_MEMORY_DESCRIPTOR *)(VOID *)map, &key, &entry_bytes, &version)))
        return (struct hidden){ 0, 0 };
    for (UINTN at = 0; at + entry_bytes <= bytes; at += entry_bytes) {
        const EFI_MEMORY_DESCRIPTOR *range = (const EFI_MEMORY_DESCRIPTOR *)(const VOID *)&map[at];
        const uint64_t first = (range->PhysicalStart + (2ull << 20) - 1) & ~((2ull << 20) - 1);
        const uint64_t end = range->PhysicalStart + range->NumberOfPages * 4096;
        if (range->Type == EfiReservedMemoryType && end > first && end - first >= 4ull << 20 && ones(first) && ones(end - 0x2000))
            return (struct hidden){ first, end };
    }
    return (struct hidden){ 0, 0 };
}
