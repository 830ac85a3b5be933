// SPDX-License-Identifier: BSD-2-Clause
// VMCS12s that use what L1 is offered.
#include "offers.h"

#include <string.h>

#include <caps/exit_reason.h>

#include "l1.h"

#define SHADOW_PAGE   (VMCS_PAGE + 0x1000)
#define INDICATOR     0x80000000u
#define IO_BITMAP_A   0x301000ull
#define IO_BITMAP_B   0x302000ull
#define LIST          0x303000ull  // of MSRs
#define LIST_ENTRIES  768u         // three pages: more than IA32_VMX_MISC allows
#define VMREAD_BITS   0x310000ull
#define VMWRITE_BITS  0x311000ull
#define EPTP_LIST     0x320000ull
#define VE_AREA       0x340000ull
#define PML_LOG       0x350000ull
#define VIRTUAL_APIC  0x360000ull
#define APIC_ACCESS   0x361000ull
#define L2_CR3        0x77000ull
#define OTHER_EPTP    0x50001eull
#define PDPT12        0x401000ull
#define DIRECTORY12   0x402000ull
#define TABLE12       0x403000ull
#define L1_CR3        0x10000ull

const uint64_t offers_pages[OFFERS_PAGES] = { VMXON_PAGE, VMCS_PAGE, SHADOW_PAGE, VMCS_PAGE + 0x2000, OPERAND, MSR_BITMAP, IO_BITMAP_A, IO_BITMAP_B, LIST,
    VMREAD_BITS, VMWRITE_BITS, EPTP_LIST, VE_AREA, PML_LOG, VIRTUAL_APIC, APIC_ACCESS, L2_CR3, EPTP12 & PAGE_MASK, PDPT12, DIRECTORY12, TABLE12,
    OTHER_EPTP & PAGE_MASK, L1_CR3, WORLD_BYTES - PAGE_BYTES };

static void put(uint64_t page, unsigned index, uint64_t value) { memcpy(world_at(page + index * 8), &value, 8); }

// 2 MiB as they are, above them 16 pages with fewer and fewer rights; and L2's own tables, the same as L1's.
static void tables(void)
{
    put(EPTP12 & PAGE_MASK, 0, PDPT12 | 7);
    put(PDPT12, 0, DIRECTORY12 | 7);
    put(DIRECTORY12, 0, 0xb7);
    put(DIRECTORY12, 1, TABLE12 | 7);
    for (unsigned i = 0; i < 16; i++)
        put(TABLE12, i, (0x200000 + i * PAGE_BYTES) | 0x30 | i % 8 | (i & 8 ? 1ull << 63 | 0x300 : 0));
    put(OTHER_EPTP & PAGE_MASK, 0, PDPT12 | 7);
    put(L2_CR3, 0, L2_CR3 | 7);  // every level is the same table, down to page 0x77000
    put(L2_CR3, 1, 0x83);
}

static void list(void)
{
    static const uint32_t msrs[] = { 0x277, 0xc0000080, 0x174, 0x175, 0x1d9, 0xc0000081, 0x10, 0xc0000101 };
    static const uint64_t values[] = { 0x0007040600070406, 0xd01, 8, 0x1000, 0, 0x12345, 0, 0x3000 };
    for (unsigned i = 0; i < LIST_ENTRIES; i++) {
        put(LIST, 2 * i, msrs[i % 8]);
        put(LIST, 2 * i + 1, values[i % 8]);
    }
}

static void set_bits(enum vmcs_field field, uint64_t set, uint64_t clear) { l1_set(field, (l1_get(field) & ~clear) | set); }

static void with_ept(uint32_t which)
{
    uint64_t controls2 = 0;
    if (which & 1 << 0) {
        controls2 |= PROC2_EPT_VIOLATION_VE;
        l1_set(VMCS_VE_INFO_ADDR, VE_AREA);
    }
    if (which & 1 << 1) {
        controls2 |= PROC2_ENABLE_PML;
        l1_set(VMCS_PML_ADDR, PML_LOG);
        l1_set(VMCS_PML_INDEX, which & 1 << 2 ? 0xffff : 2);
    }
    if (which & (1 << 1 | 1 << 3))
        set_bits(VMCS_EPTP, 0x40, 0);
    if (which & 1 << 4) {
        controls2 |= PROC2_ENABLE_VMFUNC;
        l1_set(VMCS_VM_FUNCTION_CONTROL, 1);
        l1_set(VMCS_EPTP_LIST_ADDR, EPTP_LIST);
        put(EPTP_LIST, 1, OTHER_EPTP);
        put(EPTP_LIST, 2, EPTP12);
    }
    set_bits(VMCS_PROC_CONTROLS2, controls2, 0);
}

static void apic(void)
{
    set_bits(VMCS_PROC_CONTROLS, PROC_USE_TPR_SHADOW, 0);
    set_bits(VMCS_PROC_CONTROLS2, PROC2_VIRTUALIZE_APIC_ACCESSES, 0);
    l1_set(VMCS_VIRTUAL_APIC_ADDR, VIRTUAL_APIC);
    l1_set(VMCS_APIC_ACCESS_ADDR, APIC_ACCESS);
}

static void lists(uint32_t which)
{
    static const enum vmcs_field address[] = { VMCS_ENTRY_MSR_LOAD_ADDR, VMCS_EXIT_MSR_LOAD_ADDR, VMCS_EXIT_MSR_STORE_ADDR };
    static const enum vmcs_field count[] = { VMCS_ENTRY_MSR_LOAD_COUNT, VMCS_EXIT_MSR_LOAD_COUNT, VMCS_EXIT_MSR_STORE_COUNT };
    list();
    for (unsigned i = 0; i < 3; i++) {
        l1_set(address[i], LIST);
        l1_set(count[i], which & 1 << 16 && i > 0 ? LIST_ENTRIES : 4 + i);
    }
}

static void shadowing(void)
{
    l1_set_region(SHADOW_PAGE, REVISION | INDICATOR);
    set_bits(VMCS_PROC_CONTROLS2, PROC2_VMCS_SHADOWING, 0);
    l1_set(VMCS_VMREAD_BITMAP, VMREAD_BITS);
    l1_set(VMCS_VMWRITE_BITMAP, VMWRITE_BITS);
    l1_set(VMCS_VMCS_LINK_POINTER, SHADOW_PAGE);
}

// Which of its registers VMCS12 loads and saves, and how wide L1 and L2 are.
static void registers(uint32_t which)
{
    if (which & 1 << 13)
        set_bits(VMCS_ENTRY_CONTROLS, 0, ENTRY_LOAD_GUEST_EFER | ENTRY_LOAD_GUEST_PAT | ENTRY_LOAD_DEBUG_CONTROLS);
    if (which & 1 << 14)
        set_bits(VMCS_EXIT_CONTROLS, EXIT_SAVE_EFER | EXIT_SAVE_PAT, EXIT_LOAD_EFER | EXIT_LOAD_PAT);
    if (which & (1 << 17 | 1 << 23)) {  // PAE paging
        set_bits(VMCS_ENTRY_CONTROLS, 0, ENTRY_GUEST_IA32E);
        l1_set(VMCS_GUEST_EFER, 0);
        l1_set(VMCS_GUEST_CS_ACCESS_RIGHTS, 0xc09b);
    }
    l1_set(VMCS_CR0_GUEST_HOST_MASK, which & 1 << 20 ? 0 : ~0ull);
    if (which & 1 << 23) {  // a 32-bit L1, too
        set_bits(VMCS_EXIT_CONTROLS, 0, EXIT_HOST_64_BIT);
        l1_set(VMCS_HOST_EFER, 0);
        l1_set(VMCS_HOST_RIP, 0x12345678);
        l1_set(VMCS_HOST_GS_BASE, 0);
        world_vmcs[VMCS_HANDLE_01][VMCS_GUEST_EFER] = 0;
        world_vmcs[VMCS_HANDLE_01][VMCS_GUEST_CS_ACCESS_RIGHTS] = 0xc09b;
        put(L1_CR3, 0, (L1_CR3 + 0x2000) | 1);
    }
}

// Of what exits L1 wants.
static void exits(uint32_t which)
{
    if (which & 1 << 15)
        l1_set(VMCS_EXCEPTION_BITMAP, which & 1 << 16 ? 0xffffffff : 0x106000);
    if (which & 1 << 18) {
        set_bits(VMCS_PROC_CONTROLS, PROC_USE_IO_BITMAPS, which & 1 << 19 ? PROC_USE_MSR_BITMAPS : 0);
        l1_set(VMCS_IO_BITMAP_A, IO_BITMAP_A);
        l1_set(VMCS_IO_BITMAP_B, IO_BITMAP_B);
    }
    if (which & 1 << 21)
        set_bits(VMCS_PROC_CONTROLS, 0, PROC_UNCONDITIONAL_IO_EXITING | PROC_HLT_EXITING);
    if (which & 1 << 22)
        memset(world_at(MSR_BITMAP), 0, PAGE_BYTES);
}

void offers_make(uint32_t which)
{
    tables();
    if (which & 1 << 5)
        set_bits(VMCS_PROC_CONTROLS2, 0, PROC2_ENABLE_EPT | PROC2_UNRESTRICTED_GUEST);
    else
        with_ept(which);
    if (which & 1 << 6)
        set_bits(VMCS_PROC_CONTROLS2, 0, PROC2_ENABLE_VPID);
    if (which & 1 << 7)
        apic();
    if (which & 1 << 8)
        lists(which);
    if (which & 1 << 9)
        shadowing();
    if (which & 1 << 10)
        set_bits(VMCS_PIN_CONTROLS, 0, PIN_VIRTUAL_NMIS | (which & 1 << 11 ? PIN_NMI_EXITING : 0));
    if (which & 1 << 12)
        set_bits(VMCS_PIN_CONTROLS, PIN_PREEMPTION_TIMER, 0);
    exits(which);
    registers(which);
}
