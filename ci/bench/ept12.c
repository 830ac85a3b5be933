// SPDX-License-Identifier: BSD-2-Clause
// EPT12's tables (SDM 3C 29.3.2 "EPT Translation Mechanism").

#include "cpu_insn.h"
#include "ept12.h"
#include "memory.h"

#define EPT_ALL        7ull
#define EPT_WRITE_BACK (6ull << 3)
#define EPT_LARGE      (1ull << 7)
#define IDENTITY_GIB   8
#define PAGE_PRESENT   1ull
#define PAGE_WRITE     2ull
#define PAGE_LARGE     (1ull << 7)

static uint64_t *window_regions;  // the window's page directory

static uint64_t address(const void *p) { return (uint64_t)(uintptr_t)p; }

uint64_t ept12_build(void)
{
    uint64_t *pml4 = memory_pages(1), *pdpt = memory_pages(1), *identity = memory_pages(IDENTITY_GIB);
    window_regions = memory_pages(1);
    pml4[0] = address(pdpt) | EPT_ALL;
    for (uint64_t i = 0; i < IDENTITY_GIB; i++)
        pdpt[i] = (address(identity) + i * PAGE_BYTES) | EPT_ALL;
    for (uint64_t i = 0; i < IDENTITY_GIB * 512; i++)
        identity[i] = i * LARGE_BYTES | EPT_LARGE | EPT_WRITE_BACK | EPT_ALL;
    pdpt[WINDOW_PHYSICAL / HUGE_BYTES] = address(window_regions) | EPT_ALL;

    // Linear addresses: the firmware's first 512 GiB, and the window in the second.
    uint64_t *linear = memory_pages(1), *gigabytes = memory_pages(1), *regions = memory_pages(1);
    linear[0] = *(const uint64_t *)(uintptr_t)(cr3_read() & PAGE_MASK);
    linear[1] = address(gigabytes) | PAGE_PRESENT | PAGE_WRITE;
    gigabytes[0] = address(regions) | PAGE_PRESENT | PAGE_WRITE;
    for (uint64_t i = 0; i < WINDOW_REGIONS; i++)
        regions[i] = (WINDOW_PHYSICAL + i * LARGE_BYTES) | PAGE_LARGE | PAGE_PRESENT | PAGE_WRITE;
    cr3_write(address(linear));
    return address(pml4) | 3ull << 3 | 6;
}

uint64_t ept12_copy(uint64_t eptp)
{
    uint64_t *pml4 = memory_pages(1);
    pml4[0] = *(const uint64_t *)(uintptr_t)(eptp & PAGE_MASK);
    return address(pml4) | (eptp & ~PAGE_MASK);
}

void ept12_map(unsigned region, unsigned page, uint64_t physical)
{
    if (window_regions[region] == 0)
        window_regions[region] = address(memory_pages(1)) | EPT_ALL;
    uint64_t *table = (uint64_t *)(uintptr_t)(window_regions[region] & PAGE_MASK);
    table[page] = physical | EPT_WRITE_BACK | EPT_ALL;
}
