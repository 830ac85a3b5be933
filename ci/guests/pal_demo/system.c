// SPDX-License-Identifier: BSD-2-Clause
// What 64-bit programs ask Linux. Of their pages: its admin-guide/mm/pagemap.
#include "system.h"

#include <trustvisor/linux_call.h>

enum { LINUX_OPEN = 2, LINUX_CLOSE = 3, LINUX_PREAD = 17, LINUX_ACCESS = 21, LINUX_NANOSLEEP = 35, PAGE = 4096 };
#define PAGEMAP_FRAME   ((1ull << 55) - 1)
#define PAGEMAP_SWAPPED (1ull << 62)
#define PAGEMAP_PRESENT (1ull << 63)

// 0, a page that is nowhere, where there is none to be had.
static uint64_t entry_of(uintptr_t address)
{
    uint64_t entry = 0;
    const long file = linux_call(LINUX_OPEN, (long)"/proc/self/pagemap", 0, 0, 0, 0, 0);
    if (file < 0)
        return 0;
    const long bytes = linux_call(LINUX_PREAD, file, (long)&entry, sizeof(entry), (long)(address / PAGE * sizeof(entry)), 0, 0);
    linux_call(LINUX_CLOSE, file, 0, 0, 0, 0, 0);
    return bytes == sizeof(entry) ? entry : 0;
}

uint64_t physical_address(uintptr_t address)
{
    const uint64_t entry = entry_of(address);
    return entry & PAGEMAP_PRESENT ? (entry & PAGEMAP_FRAME) * PAGE + address % PAGE : 0;
}

int page_swapped(uintptr_t address) { return (entry_of(address) & PAGEMAP_SWAPPED) != 0; }

int file_there(const char *path) { return linux_call(LINUX_ACCESS, (long)path, 0, 0, 0, 0, 0) == 0; }

void sleep_shortly(void)
{
    long wait[2] = { 0, 100000000 };
    linux_call(LINUX_NANOSLEEP, (long)wait, 0, 0, 0, 0, 0);
}
