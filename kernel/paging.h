// SPDX-License-Identifier: BSD-2-Clause
// The kernel's own page tables: what every address space has in its upper half, and the address space without a partition.
#pragma once

// Page-table entry bits (SDM 3A 4.5 "4-Level Paging").
#define PTE_PRESENT  (1ull << 0)
#define PTE_WRITE    (1ull << 1)
#define PTE_USER     (1ull << 2)
#define PTE_ACCESSED (1ull << 5)
#define PTE_DIRTY    (1ull << 6)
#define PTE_NX       (1ull << 63)

// A partition's page and table. Accessed and dirty are set at once: the CPU need not write the tables.
#define PTE_USER_PAGE  (PTE_PRESENT | PTE_USER | PTE_ACCESSED | PTE_DIRTY)
#define PTE_USER_TABLE (PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED)

// The top-level table of the kernel alone is boot_info->kernel_tables: text R-X, rodata R, data RW, hidden memory RW NX without text, rodata and stack
// guards, the LAPIC uncached. Its PCID is 0; it is every VMCS' host CR3.
