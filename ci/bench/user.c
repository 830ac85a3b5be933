// SPDX-License-Identifier: BSD-2-Clause
// Page tables that let user mode in, and the way there.

#include "cpu_insn.h"
#include "memory.h"
#include "user.h"
#include "user_insn.h"

#define PAGE_ALL   7ull   // present, writable, user
#define PAGE_LARGE (1ull << 7)
#define GIB_COUNT  4

static uint64_t address(const void *p) { return (uint64_t)(uintptr_t)p; }

void user_enter(void)
{
    uint64_t *pml4 = memory_pages(1), *pdpt = memory_pages(1), *identity = memory_pages(GIB_COUNT);
    pml4[0] = address(pdpt) | PAGE_ALL;
    for (uint64_t i = 0; i < GIB_COUNT; i++)
        pdpt[i] = (address(identity) + i * PAGE_BYTES) | PAGE_ALL;
    for (uint64_t i = 0; i < GIB_COUNT * 512; i++)
        identity[i] = i * LARGE_BYTES | PAGE_LARGE | PAGE_ALL;
    cr3_write(address(pml4));
    user_mode();
}
