// SPDX-License-Identifier: BSD-2-Clause
// The CPU state that L0 runs in, and the way there without a VM exit.
#include "host.h"

#include "cr.h"
#include "descriptor_insn.h"
#include "trap.h"
#include "upcall.h"
#include "vmx_caps.h"

void host_enter(struct cpu *cpu, const struct launch_state *launch)
{
    dr7_write(DR7_RESET);
    msr_write(MSR_DEBUGCTL, 0);
    msr_write(MSR_EFER, launch->efer | EFER_NXE);
    cr0_write(vmx_caps->host_cr0 | (launch->cr0 & (CR0_CD | CR0_NW)));
    cr4_write(launch->cr4 & ~(CR4_PGE | CR4_PCIDE));  // no translation of the firmware's survives, global ones neither
    cr3_write(boot_info->kernel_tables);
    cr4_write(vmx_caps->host_cr4);
    gdt_load(&cpu->gdtr);
    idt_load(trap_idt());
    cs_load(SELECTOR_KERNEL_CS);
    ss_load(SELECTOR_KERNEL_SS);
    ds_load(0);
    es_load(0);
    fs_load(0);
    gs_load(0);
    msr_write(MSR_FS_BASE, INFO_BASE);  // see loader/fields.c
    tr_load(SELECTOR_TSS);
    msr_write(MSR_SYSENTER_CS, SELECTOR_KERNEL_CS);
    msr_write(MSR_SYSENTER_ESP, (uintptr_t)cpu_rsp0(cpu));
    msr_write(MSR_SYSENTER_EIP, (uintptr_t)sysenter_entry);
}
