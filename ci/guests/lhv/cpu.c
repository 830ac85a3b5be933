// SPDX-License-Identifier: BSD-2-Clause
// Descriptor tables, page tables, and VMX operation of each CPU.

#include "cpu.h"
#include "cpu_insn.h"
#include "lapic.h"
#include "memory.h"
#include "port.h"
#include "trap.h"
#include "vmx.h"

#define STACK_PAGES    8
#define PAGE_ALL       0x67ull      // present, writable, user, accessed, dirty
#define PAGE_LARGE     (1ull << 7)
#define IDENTITY_GIB   4
#define FEATURE_LOCKED 1ull
#define FEATURE_VMXON  4ull

struct cpu cpus[CPU_MAX];
unsigned cpu_count;

static uint64_t *identity;  // its page directories, shared
static struct registers { uint64_t cr0, cr4, efer, pat; } base[CPU_MAX];

static uint8_t *stack_pages(uint64_t pages) { return (uint8_t *)memory_pages(pages) + pages * PAGE_BYTES; }

static uint64_t *root_build(void)
{
    if (identity == NULL) {
        identity = memory_pages(IDENTITY_GIB);
        for (uint64_t i = 0; i < IDENTITY_GIB * 512; i++)
            identity[i] = i * LARGE_BYTES | PAGE_LARGE | PAGE_ALL;
    }
    uint64_t *root = memory_pages(1), *gigabytes = memory_pages(1);
    root[0] = address(gigabytes) | PAGE_ALL;
    for (uint64_t i = 0; i < IDENTITY_GIB; i++)
        gigabytes[i] = (address(identity) + i * PAGE_BYTES) | PAGE_ALL;
    return root;
}

void cpu_prepare(unsigned index, uint32_t apic_id, uint8_t *low)
{
    struct cpu *c = &cpus[index];
    c->self = c;
    c->index = index;
    c->apic_id = apic_id;
    c->low = low;
    c->page_root = root_build();
    c->vmxon_region = memory_pages(1);
    for (unsigned i = 0; i < VMCS_MAX; i++)
        c->vmcs[i] = memory_pages(1);
    for (unsigned i = 0; i < REGIONS; i++)
        c->regions[i] = memory_pages(1);
    c->l2_stack = stack_pages(2);
    c->exit_stack = stack_pages(2);
    c->fault_stack = stack_pages(2);
    c->stack = stack_pages(STACK_PAGES);
    c->data = memory_pages(2);
    if ((address(c->data) & (LARGE_BYTES - 1)) == LARGE_BYTES - PAGE_BYTES)  // tests have both in one large page
        c->data = memory_pages(2);
    c->pal = (uint8_t *)memory_pages(PAL_PAGES);
    c->page_a = memory_pages(1);
    c->page_b = memory_pages(1);
    c->page_c = memory_pages(1);
}

static void descriptors_load(struct cpu *c)
{
    const uint64_t task = address(c->task);
    c->gdt[1] = 0x00af9b000000ffff;  // 64-bit code
    c->gdt[2] = 0x00cf93000000ffff;  // data
    c->gdt[3] = (sizeof(c->task) - 1) | (task & 0xffffff) << 16 | 0x89ull << 40 | (task >> 24 & 0xff) << 56;
    c->gdt[4] = task >> 32;
    c->gdt[5] = 0x00cf9b000000ffff;  // 32-bit code
    c->gdt[6] = 0x00009b000000ffff;  // 16-bit code
    c->gdt[7] = 0x000093000000ffff;  // 16-bit data
    c->gdt[8] = 0x00cff3000000ffff;  // data and
    c->gdt[9] = 0x00affb000000ffff;  // 64-bit code for privilege level 3
    *(uint64_t *)(void *)(c->task + 4) = address(c->fault_stack);  // RSP0
    const struct table_register gdt = { sizeof(c->gdt) - 1, address(c->gdt) }, idt = { sizeof(trap_idt) - 1, address(trap_idt) };
    gdt_load(&gdt);
    segments_load(SELECTOR_CODE, SELECTOR_DATA);
    task_load(SELECTOR_TASK);
    idt_load(&idt);
    msr_write(MSR_FS_BASE, 0);
    msr_write(MSR_GS_BASE, address(c));
}

void cpu_start(struct cpu *c)
{
    interrupts_off();
    descriptors_load(c);
    cr3_write(address(c->page_root));
    cr0_write((cr0_read() | CR0_NE | CR0_MP) & ~(CR0_TS | CR0_EM | CR0_WP | CR0_CD | CR0_NW));
    cr4_write((cr4_read() | CR4_PAE | CR4_OSFXSR) & ~(CR4_PCIDE | CR4_VMXE | CR4_PGE | CR4_TSD));
    base[c->index] = (struct registers){ cr0_read(), cr4_read(), msr_read(MSR_EFER), msr_read(MSR_PAT) };
    // Nothing may interrupt but what tests send: the PICs' lines, LINT0 and the timer are masked.
    out8(0x21, 0xff);
    out8(0xa1, 0xff);
    lapic_write(LAPIC_SPURIOUS, 0x1ff);
    lapic_write(LAPIC_LVT_TIMER, LVT_MASKED);
    lapic_write(LAPIC_LVT_LINT0, LVT_MASKED);
    lapic_write(LAPIC_TPR, 0);
    interrupts_on_once();
}

void cpu_restore(struct cpu *c)
{
    const struct registers *b = &base[c->index];
    interrupts_off();
    if (cr3_read() != address(c->page_root))
        cr3_write(address(c->page_root));
    if (msr_read(MSR_EFER) != b->efer)
        msr_write(MSR_EFER, b->efer);
    if (msr_read(MSR_PAT) != b->pat)
        msr_write(MSR_PAT, b->pat);
    if (cr0_read() != b->cr0)
        cr0_write(b->cr0);
    descriptors_load(c);
    if (cr4_read() != (b->cr4 | (c->vmx_on ? CR4_VMXE : 0)))
        cr4_write(b->cr4 | (c->vmx_on ? CR4_VMXE : 0));
    interrupts_on_once();
}

bool cpu_vmx_on(struct cpu *c)
{
    if (!(cpuid(1).ecx & CPUID_VMX))
        return false;
    const uint64_t feature = msr_read(MSR_FEATURE_CONTROL);
    if (!(feature & FEATURE_LOCKED))
        msr_write(MSR_FEATURE_CONTROL, feature | FEATURE_LOCKED | FEATURE_VMXON);
    else if (!(feature & FEATURE_VMXON))
        return false;
    cr0_write((cr0_read() | msr_read(MSR_VMX_CR0_FIXED0)) & msr_read(MSR_VMX_CR0_FIXED1));
    cr4_write((cr4_read() | CR4_VMXE | msr_read(MSR_VMX_CR4_FIXED0)) & msr_read(MSR_VMX_CR4_FIXED1));
    const uint32_t revision = (uint32_t)msr_read(MSR_VMX_BASIC) & 0x7fffffff;
    *c->vmxon_region = revision;
    for (unsigned i = 0; i < VMCS_MAX; i++)
        *c->vmcs[i] = revision;
    c->vmx_on = vmx_vmxon(address(c->vmxon_region)) == 0;
    return c->vmx_on;
}

void cpu_vmx_off(struct cpu *c)
{
    if (c->vmx_on)
        (void)vmx_vmxoff();
    c->vmx_on = false;
}
