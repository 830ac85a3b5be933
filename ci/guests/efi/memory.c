// SPDX-License-Identifier: BSD-2-Clause
// Pages of one block, handed out one after the other.

#include "memory.h"
#include "serial.h"

static uint64_t next, left;

uint64_t memory_below(EFI_SYSTEM_TABLE *system, uint64_t address, uint64_t pages)
{
    EFI_PHYSICAL_ADDRESS base = address - 1;
    return EFI_ERROR(system->BootServices->AllocatePages(AllocateMaxAddress, EfiBootServicesData, pages, &base)) ? 0 : base;
}

void memory_use(uint64_t base, uint64_t pages)
{
    next = base;
    left = pages;
    for (volatile uint64_t *p = (volatile uint64_t *)(uintptr_t)base; p < (volatile uint64_t *)(uintptr_t)(base + pages * PAGE_BYTES); p++)
        *p = 0;
}

void *memory_pages(uint64_t pages)
{
    if (pages > left) {
        serial_text("error: out of pages\r\n");
        power_off();
    }
    void *page = (void *)(uintptr_t)next;
    next += pages * PAGE_BYTES;
    left -= pages;
    return page;
}
