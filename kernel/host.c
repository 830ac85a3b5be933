// SPDX-License-Identifier: BSD-2-Clause
// The CPU state that L0 runs in, and the way there and back without a VM exit.
#include "host.h"

#include "cr.h"
#include "cpuid_insn.h"
#include "descriptor_insn.h"
#include "memory.h"
#include "paging.h"
#include "pool.h"
#include "trap.h"
#include "upcall.h"
#include "vmx_caps.h"

// TS: the vector registers are the guest's. A partition that touches them faults.
uint64_t host_cr0(void)
{
    return CR0_PE | CR0_MP | CR0_TS | CR0_ET | CR0_NE | CR0_WP | CR0_PG | vmx_caps->cr0_fixed0;
}

uint64_t host_cr4(void)
{
    uint64_t wanted = CR4_MCE | CR4_PGE | CR4_UMIP | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_OSXSAVE | CR4_SMEP | CR4_SMAP | (paging_pcid ? CR4_PCIDE : 0);
    return CR4_PAE | CR4_VMXE | (wanted & vmx_caps->cr4_supported) | vmx_caps->cr4_fixed0;
}

static void sysenter_write(uint64_t cs, uint64_t esp, uint64_t eip)
{
    msr_write(MSR_SYSENTER_CS, cs);
    msr_write(MSR_SYSENTER_ESP, esp);
    msr_write(MSR_SYSENTER_EIP, eip);
}

static void segments_write(uint16_t cs, uint16_t ss, uint16_t ds, uint16_t es, uint16_t fs, uint16_t gs)
{
    cs_load(cs);
    ss_load(ss);
    ds_load(ds);
    es_load(es);
    fs_load(fs);
    gs_load(gs);
}

void host_enter(struct cpu *cpu, struct host_saved *saved)
{
    saved->cr3 = cr3_read();
    saved->registers = (struct launch_registers){
        .cr0 = cr0_read(), .cr4 = cr4_read(), .dr7 = dr7_read(), .efer = msr_read(MSR_EFER), .pat = msr_read(MSR_PAT),
        .debugctl = msr_read(MSR_DEBUGCTL), .sysenter_cs = msr_read(MSR_SYSENTER_CS), .sysenter_esp = msr_read(MSR_SYSENTER_ESP),
        .sysenter_eip = msr_read(MSR_SYSENTER_EIP),
    };
    dr7_write(DR7_RESET);
    msr_write(MSR_DEBUGCTL, 0);
    msr_write(MSR_EFER, saved->registers.efer | EFER_NXE);
    cr0_write(host_cr0() | (saved->registers.cr0 & (CR0_CD | CR0_NW)));
    cr4_write(saved->registers.cr4 & ~(CR4_PGE | CR4_PCIDE));  // no translation of the firmware's survives, global ones neither
    cr3_write(paging_root().v);
    cr4_write(host_cr4());
    gdt_load(&cpu->gdtr);
    idt_load(trap_idt());
    segments_write(SELECTOR_KERNEL_CS, SELECTOR_KERNEL_SS, 0, 0, 0, 0);
    msr_write(MSR_FS_BASE, INFO_BASE);  // see vmcs_init_host_state
    cpu->gdt[SELECTOR_TSS / 8] &= ~(2ull << 40);  // LTR wants it not busy
    tr_load(SELECTOR_TSS);
    sysenter_write(SELECTOR_KERNEL_CS, (uintptr_t)cpu_rsp0(cpu), (uintptr_t)sysenter_entry);
}

// A flat descriptor at that selector, for a GDT of our own: the firmware's isn't mapped here. UEFI's segments are flat.
static uint16_t prepare(uint64_t gdt[512], const struct launch_segment *segment, uint64_t descriptor)
{
    uint16_t selector = segment->selector & 4 || segment->selector / 8 >= 512 ? 0 : segment->selector;
    gdt[selector / 8] = selector ? descriptor : 0;
    return selector;
}

void host_leave(const struct launch_state *launch, const struct host_saved *saved)
{
    uint64_t gdt[512];
    memory_fill(gdt, 0, sizeof(gdt));
    uint16_t ss = prepare(gdt, &launch->ss, SEGMENT_KERNEL_DATA), ds = prepare(gdt, &launch->ds, SEGMENT_KERNEL_DATA),
             es = prepare(gdt, &launch->es, SEGMENT_KERNEL_DATA), fs = prepare(gdt, &launch->fs, SEGMENT_KERNEL_DATA),
             gs = prepare(gdt, &launch->gs, SEGMENT_KERNEL_DATA), cs = prepare(gdt, &launch->cs, SEGMENT_KERNEL_CODE);
    gdt_load(&(struct table_register){ sizeof(gdt) - 1, (uintptr_t)gdt });
    segments_write(cs, ss, ds, es, fs, gs);
    gdt_load(&(struct table_register){ launch->gdtr_limit, launch->gdtr_base });
    idt_load((struct table_register){ launch->idtr_limit, launch->idtr_base });
    msr_write(MSR_FS_BASE, launch->fs.base);
    msr_write(MSR_GS_BASE, launch->gs.base);
    sysenter_write(saved->registers.sysenter_cs, saved->registers.sysenter_esp, saved->registers.sysenter_eip);
    cr4_write(cr4_read() & ~(CR4_PGE | CR4_PCIDE));
    cr3_write(saved->cr3);
    cr4_write(saved->registers.cr4);
    cr0_write(saved->registers.cr0);
    msr_write(MSR_EFER, saved->registers.efer);
    msr_write(MSR_DEBUGCTL, saved->registers.debugctl);
    dr7_write(saved->registers.dr7);
}
