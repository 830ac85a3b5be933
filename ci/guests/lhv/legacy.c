// SPDX-License-Identifier: BSD-2-Clause
// A 32-bit L2's tables: page A has the page-directory pointers, page B GDT and task-state segments, page C the IDT and the stack of privilege level 0; the two
// data pages are the page directory of the first GiB and the page table of its first 2 MiB.

#include "legacy.h"
#include "ept12.h"
#include "l2.h"
#include "x86.h"

#define PAGE_PRESENT   1ull
#define PAGE_ALL       0x67ull
#define PAGE_LARGE     (1ull << 7)
#define TASK_NOW       0x400
#define TASK_NEXT      0x800
#define TASK_BYTES     0x68u
#define TASK_PORTS     (TASK_BYTES + 32)  // the I/O bitmap, behind that of the software interrupts
#define TASK_NOW_LIMIT 0x3ff
#define STACK_END      0x1000

static uint8_t *page_b(void) { return (uint8_t *)this_cpu()->page_b; }

uint32_t *legacy_tss(uint16_t selector) { return (uint32_t *)(void *)(page_b() + (selector == SELECTOR_NOW ? TASK_NOW : TASK_NEXT)); }

static uint64_t descriptor(uint64_t base, uint64_t limit, uint64_t rights)
{
    return (limit & 0xffff) | (base & 0xffffff) << 16 | rights << 40 | (base >> 24 & 0xff) << 56;
}

static uint64_t gate(uint64_t selector, uint64_t offset, uint64_t rights)
{
    return (offset & 0xffff) | selector << 16 | rights << 40 | (offset >> 16) << 48;
}

static void tables(struct cpu *c)
{
    const uint64_t *gigabytes = (const uint64_t *)(uintptr_t)(c->page_root[0] & 0xffffffffff000);
    uint64_t *directory = c->data, *table = c->data + 512;
    for (uint64_t i = 0; i < 512; i++) {
        directory[i] = i * LARGE_BYTES | PAGE_LARGE | PAGE_ALL;
        table[i] = i * PAGE_BYTES | PAGE_ALL;
    }
    directory[0] = address(table) | PAGE_ALL;
    directory[LEGACY_WINDOW / LARGE_BYTES] = WINDOW_PHYSICAL | PAGE_LARGE | PAGE_ALL;
    table[0] = (address(c->low) + PAGE_BYTES) | PAGE_ALL;
    c->page_a[0] = address(directory) | PAGE_PRESENT;
    for (unsigned i = 1; i < 4; i++)
        c->page_a[i] = (gigabytes[i] & 0xffffffffff000) | PAGE_PRESENT;
    for (unsigned i = 0; i < 4; i++) {
        if (HAS(PROC, SECONDARY_CONTROLS) && HAS(PROC2, ENABLE_EPT))
            vmcs_write((enum vmcs_field)(VMCS_GUEST_PDPTE0 + i), c->page_a[i]);
    }
    W(GUEST_CR3, address(c->page_a));
}

static void descriptors(struct cpu *c)
{
    uint64_t *gdt = c->page_b;
    const uint64_t now = address(c->page_b) + TASK_NOW, next = address(c->page_b) + TASK_NEXT;
    for (unsigned i = 0; i < sizeof(c->gdt) / sizeof(c->gdt[0]); i++)
        gdt[i] = c->gdt[i];
    gdt[SELECTOR_NOW / 8] = descriptor(now, TASK_NOW_LIMIT, 0x8b);
    gdt[SELECTOR_NEXT / 8] = descriptor(next, TASK_BYTES - 1, 0x89);
    gdt[SELECTOR_BUSY / 8] = descriptor(next, TASK_BYTES - 1, 0x8b);
    gdt[SELECTOR_GATE / 8] = gate(SELECTOR_NEXT, 0, 0x85);
    gdt[SELECTOR_TSS_GONE / 8] = descriptor(next, TASK_BYTES - 1, 0x09);
    gdt[SELECTOR_TSS_SHORT / 8] = descriptor(next, TASK_BYTES - 2, 0x89);
    gdt[SELECTOR_GATE_GONE / 8] = gate(SELECTOR_NEXT, 0, 0x05);
    gdt[SELECTOR_GATE_BAD / 8] = gate(SELECTOR_TSS_GONE, 0, 0x85);
    W(GUEST_GDTR_BASE, address(gdt));
    W(GUEST_GDTR_LIMIT, SELECTOR_LAST + 7);

    uint32_t *task = legacy_tss(SELECTOR_NOW);
    task[1] = (uint32_t)address(c->page_c) + STACK_END;
    task[2] = SELECTOR_DATA;
    task[25] = TASK_PORTS << 16;
    W(GUEST_TR_SELECTOR, SELECTOR_NOW);
    W(GUEST_TR_BASE, now);
    W(GUEST_TR_LIMIT, TASK_NOW_LIMIT);

    for (unsigned i = 0; i < 256; i++)
        c->page_c[i] = gate(SELECTOR_CODE32, address(legacy_stubs) + 4 * i, 0xee);
    W(GUEST_IDTR_BASE, address(c->page_c));
    W(GUEST_IDTR_LIMIT, 256 * 8 - 1);
}

void legacy_start(const char *code, const char *end)
{
    l2_low(code, end);
    l2_protected_32();
    tables(this_cpu());
    descriptors(this_cpu());
}

void legacy_virtual_8086(const char *code, const char *end, uint64_t flags)
{
    legacy_start(code, end);
    const uint64_t at = address(this_cpu()->low);
    for (enum l2_segment i = SEGMENT_ES; i < SEGMENTS; i++)
        l2_segment(i, (uint16_t)(at >> 4), at, 0xffff, 0xf3);
    W(GUEST_RIP, 0);
    W(GUEST_RSP, 0x1ff0);
    W(GUEST_RFLAGS, FLAG_FIXED | FLAG_VM | flags);
}

void legacy_task_gate(unsigned vector, uint16_t selector) { this_cpu()->page_c[vector] = gate(selector, 0, 0xe5); }

void legacy_not_redirected(unsigned vector) { page_b()[TASK_NOW + TASK_BYTES + vector / 8] |= (uint8_t)(1u << vector % 8); }

void legacy_port_denied(unsigned port) { page_b()[TASK_NOW + TASK_PORTS + port / 8] |= (uint8_t)(1u << port % 8); }

void legacy_page_to_window(uint32_t linear, unsigned page) { this_cpu()->data[512 + linear / PAGE_BYTES] = (WINDOW_PHYSICAL + page * PAGE_BYTES) | PAGE_ALL; }

const uint32_t *want_legacy_trap(unsigned vector)
{
    want_exit(EXIT_VMCALL);
    expect("CS in L2's handler", R(GUEST_CS_SELECTOR), SELECTOR_CODE32);
    expect("vector in L2", (R(GUEST_RIP) - address(legacy_stubs)) / 4, vector);
    return (const uint32_t *)(uintptr_t)R(GUEST_RSP);
}

void legacy_iret(unsigned error_codes)
{
    W(GUEST_RSP, R(GUEST_RSP) + 4 * error_codes);
    W(GUEST_RIP, address(legacy_return));
}
