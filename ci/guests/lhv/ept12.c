// SPDX-License-Identifier: BSD-2-Clause
// EPT12's tables (SDM 3C 29.3.2 "EPT Translation Mechanism").

#include "ept12.h"
#include "cpu_insn.h"
#include "memory.h"
#include "test.h"
#include "vmcs.h"
#include "vmx.h"

#define IDENTITY_GIB 4
#define PAGE_ALL     0x67ull  // present, writable, user, accessed, dirty
#define PAGE_LARGE   (1ull << 7)
#define INVEPT_ALL   2
#define PAGE_USER    4ull

static uint64_t *identity;

void ept12_prepare(struct cpu *c)
{
    if (identity == NULL) {
        identity = memory_pages(IDENTITY_GIB);
        for (uint64_t i = 0; i < IDENTITY_GIB * 512; i++)
            identity[i] = i * LARGE_BYTES | EPT_LARGE | EPT_WB | EPT_EVERY;
    }
    uint64_t *gigabytes = memory_pages(1);
    c->ept_root = memory_pages(1);
    c->ept_regions = memory_pages(1);
    c->ept_table = memory_pages(1);
    c->ept_root[0] = address(gigabytes) | EPT_EVERY;
    for (uint64_t i = 0; i < IDENTITY_GIB; i++)
        gigabytes[i] = (address(identity) + i * PAGE_BYTES) | EPT_EVERY;

    // The linear window, and the page tables that L1 and L2 share lead there.
    uint64_t *linear = memory_pages(1), *regions = memory_pages(1);
    c->page_root[WINDOW_LINEAR >> 39] = address(linear) | PAGE_ALL;
    linear[0] = address(regions) | PAGE_ALL;
    for (uint64_t i = 0; i < 512; i++)
        regions[i] = (WINDOW_PHYSICAL + i * LARGE_BYTES) | PAGE_LARGE | PAGE_ALL;
    regions[WINDOW_SUPERVISOR_REGION] = WINDOW_PHYSICAL | PAGE_LARGE | (PAGE_ALL & ~PAGE_USER);
}

void ept12_reset(struct cpu *c)
{
    uint64_t *gigabytes = (uint64_t *)(uintptr_t)(c->ept_root[0] & PAGE_MASK & ~(1ull << 63));
    for (unsigned i = 0; i < 512; i++)
        c->ept_regions[i] = c->ept_table[i] = 0;
    for (uint64_t i = 0; i < 512; i++)
        gigabytes[i] = i < IDENTITY_GIB ? (address(identity) + i * PAGE_BYTES) | EPT_EVERY : 0;
    gigabytes[WINDOW_PHYSICAL / HUGE_BYTES] = address(c->ept_regions) | EPT_EVERY;
    c->ept_regions[0] = address(c->ept_table) | EPT_EVERY;
    c->ept_root[0] = address(gigabytes) | EPT_EVERY;
    ept12_flush();
}

uint64_t ept12_pointer(const struct cpu *c) { return address(c->ept_root) | 3ull << 3 | 6; }

uint64_t ept12_capabilities(void) { return HAS(PROC2, ENABLE_EPT) || HAS(PROC2, ENABLE_VPID) ? msr_read(MSR_VMX_EPT_VPID) : 0; }

void ept12_flush(void)
{
    if (HAS(PROC2, ENABLE_EPT))
        (void)vmx_invept(INVEPT_ALL, 0, 0);
}

void ept12_map(unsigned page, uint64_t leaf) { this_cpu()->ept_table[page] = leaf; }
