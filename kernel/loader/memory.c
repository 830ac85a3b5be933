// SPDX-License-Identifier: BSD-2-Clause
// Allocates hidden memory from UEFI (UEFI 2.10, 7.2 "Memory Allocation Services").
#include "memory.h"

#include "firmware.h"

static void give_back(uint64_t base, uint64_t end)
{
    if (base < end)
        firmware.boot->FreePages(base, (end - base) / PAGE_BYTES);
}

// UEFI knows no alignment but the page's: asks for 2 MiB more than needed and gives both ends back, so that its memory map shows the block alone.
static bool reserve(struct memory *memory, uint64_t bytes, EFI_ALLOCATE_TYPE where)
{
    EFI_PHYSICAL_ADDRESS address = 0xffffffffu;
    UINTN pages = (bytes + LARGE_BYTES) / PAGE_BYTES - 1;
    if (EFI_ERROR(firmware.boot->AllocatePages(where, EfiReservedMemoryType, pages, &address)))
        return false;
    uint64_t end = address + pages * PAGE_BYTES;
    uint64_t base = (end - bytes) & ~(LARGE_BYTES - 1);
    give_back(address, base);
    give_back(base + bytes, end);
    *memory = (struct memory){.base = base, .bytes = bytes};
    return true;
}

bool memory_reserve(struct memory *memory, uint64_t bytes)
{
    if (!reserve(memory, bytes, AllocateMaxAddress) && !reserve(memory, bytes, AllocateAnyPages))
        return false;
    firmware.boot->SetMem((void *)(UINTN)memory->base, memory->bytes, 0);
    return true;
}

void memory_release(struct memory *memory)
{
    firmware.boot->SetMem((void *)(UINTN)memory->base, memory->bytes, 0);
    give_back(memory->base, memory->base + memory->bytes);
    *memory = (struct memory){0};
}
