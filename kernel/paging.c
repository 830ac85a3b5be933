// SPDX-License-Identifier: BSD-2-Clause
// The kernel's own page tables: 4 levels, built once, the same for all CPUs.
#include "paging.h"

#include "cpuid_insn.h"
#include "cr.h"
#include "kernel_image.h"
#include "lapic.h"
#include "memory.h"
#include "pool.h"
#include "tlb_insn.h"
#include "vmx_caps.h"

#define TABLE_ENTRIES 512

bool paging_pcid, paging_invpcid;
static hpa_t root;

// The entry that maps va: at level 1 for 4 KiB, 2 for 2 MiB pages. Tables above are made where they are missing, a large page is split.
static enum status entry_at(uint64_t va, unsigned level, uint64_t **out)
{
    uint64_t *table = hidden_va(root);
    for (unsigned l = 4;; l--) {
        uint64_t *entry = &table[(va >> (12 + 9 * (l - 1))) % TABLE_ENTRIES];
        if (l == level) {
            *out = entry;
            return STATUS_OK;
        }
        if (!(*entry & PTE_PRESENT) || *entry & PTE_LARGE) {
            hpa_t page;
            TRY(pool_alloc(1, &page));
            uint64_t *next = hidden_va(page);
            if (*entry & PTE_LARGE)
                for (unsigned i = 0; i < TABLE_ENTRIES; i++)
                    next[i] = (*entry & ~PTE_LARGE) + i * PAGE_BYTES;
            *entry = page.v | PTE_PRESENT | PTE_WRITE;
        }
        table = hidden_va((hpa_t){ *entry & PTE_ADDRESS });
    }
}

static enum status map(uint64_t va, uint64_t pa, unsigned level, uint64_t flags)
{
    uint64_t *entry;
    TRY(entry_at(va, level, &entry));
    *entry = pa | flags | PTE_PRESENT | PTE_ACCESSED | PTE_DIRTY | PTE_GLOBAL | (level == 2 ? PTE_LARGE : 0);
    return STATUS_OK;
}

static enum status map_segment(const struct boot_info *info, const char *start, const char *end, uint64_t flags)
{
    for (uint64_t va = (uintptr_t)start; va < (uintptr_t)end; va += PAGE_BYTES)
        TRY(map(va, info->kernel_base + (va - KERNEL_BASE), 1, flags));
    return STATUS_OK;
}

static enum status map_hidden(uint64_t hpa, uint64_t constant_base, uint64_t constant_end)
{
    if (hpa + LARGE_BYTES <= constant_base || hpa >= constant_end)
        return map(HIDDEN_BASE + hpa, hpa, 2, PTE_WRITE | PTE_NX);
    for (uint64_t page = hpa; page < hpa + LARGE_BYTES; page += PAGE_BYTES)
        if (page < constant_base || page >= constant_end)
            TRY(map(HIDDEN_BASE + page, page, 1, PTE_WRITE | PTE_NX));
    return STATUS_OK;
}

enum status paging_init(const struct boot_info *info)
{
    paging_pcid = cpuid_read(1, 0).ecx >> 17 & 1 && vmx_caps->cr4_supported & CR4_PCIDE;
    paging_invpcid = cpuid_read(7, 0).ebx >> 10 & 1;
    TRY(pool_alloc(1, &root));
    // Every top-level entry of the upper half that will ever be used exists from here on: address spaces copy them.
    TRY(map_segment(info, text_start, text_end, 0));
    TRY(map_segment(info, rodata_start, rodata_end, PTE_NX));
    TRY(map_segment(info, data_start, data_end, PTE_NX | PTE_WRITE));
    // Text and rodata have no writable alias: the kernel's segments lie in the order text, rodata, data.
    uint64_t constant_base = info->kernel_base, constant_end = info->kernel_base + ((uintptr_t)data_start - KERNEL_BASE);
    for (uint64_t hpa = info->hidden_base; hpa < info->hidden_base + info->hidden_bytes; hpa += LARGE_BYTES)
        TRY(map_hidden(hpa, constant_base, constant_end));
    return map(LAPIC_VA, lapic_base(), 1, PTE_NX | PTE_WRITE | PTE_PCD | PTE_PWT);
}

enum status paging_guard(hpa_t page)
{
    uint64_t *entry;
    TRY(entry_at(HIDDEN_BASE + page.v, 1, &entry));
    *entry = 0;
    return STATUS_OK;
}

hpa_t paging_root(void) { return root; }

void paging_share(uint64_t pml4[512])
{
    memory_copy(&pml4[256], (uint64_t *)hidden_va(root) + 256, 256 * sizeof(pml4[0]));
}

void paging_flush_all(void)
{
    if (paging_invpcid) {
        insn_invpcid(INVPCID_ALL, 0, 0);
    } else {
        uint64_t cr4 = cr4_read();
        cr4_write(cr4 ^ CR4_PGE);
        cr4_write(cr4);
    }
}
