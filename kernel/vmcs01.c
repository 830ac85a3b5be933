// SPDX-License-Identifier: BSD-2-Clause
// VMCS01: L1's state at launch and after INIT; what VMX operation of L1's changes in it.
#include "vmcs01.h"

#include "cpuid_insn.h"
#include "cr.h"
#include "ept01.h"
#include "memory.h"
#include "vmcs.h"
#include "watchdog.h"

void vmcs01_init(struct cpu *cpu, const struct launch_entry *launch)
{
    vmcs_init_host_state(cpu);
    vmcs_write_list(cpu, &boot_info->vmcs01[cpu->index]);
    vmcs_write(VMCS_EPTP, ept01_pointer());
    watchdog_arm();
    vmcs_write(VMCS_GUEST_RIP, launch->rip);
    vmcs_write(VMCS_GUEST_RSP, launch->rsp);
    vmcs_write(VMCS_GUEST_RFLAGS, launch->rflags | RFLAGS_FIXED);
}

void vmcs01_reset_guest(struct cpu *cpu)
{
    const uint64_t cr0 = CR0_ET | (cr0_read() & (CR0_CD | CR0_NW));  // INIT leaves CD and NW, and so do VM exits
    vmcs_write_list(cpu, &boot_info->after_init);
    vmcs_write(VMCS_GUEST_CR0, cr0 | vmx_caps->cr0_fixed0);
    vmcs_write(VMCS_CR0_READ_SHADOW, cr0);
    vmcs_control(cpu, VMCS_ENTRY_CONTROLS, ENTRY_GUEST_IA32E, false);
    vmcs_control(cpu, VMCS_PROC_CONTROLS, PROC_NMI_WINDOW_EXITING, false);
    dr_write((const uint64_t[4]){ 0 });
    dr6_write(DR6_RESET);
    memory_fill(cpu->gpr, 0, sizeof(cpu->gpr));
    cpu->cr2_stale = true;
    cpu->gpr[GPR_RDX] = cpuid_read(1, 0).rax;
    vmcs01_flush();
}

void vmcs01_flush(void) { insn_invvpid(INVVPID_SINGLE, VMCS01_VPID); }

void vmcs01_shadow(struct cpu *cpu, bool on)
{
    cpu->shadowing = on;
    vmcs_select(cpu, cpu->vmcs01);
    vmcs_set(cpu, VMCS_VMCS_LINK_POINTER, on ? cpu->shadow.v : ~0ull);
    if (on)
        vmcs_control(cpu, VMCS_PROC_CONTROLS2, PROC2_VMCS_SHADOWING, true);
}

void vmcs01_vmx(struct cpu *cpu, bool on)
{
    cpu->l1_vmx = on;
    vmcs01_shadow(cpu, cpu->shadowing && on);
    vmcs_control(cpu, VMCS_PROC_CONTROLS2, PROC2_VMCS_SHADOWING, cpu->shadowing);
    vmcs_control(cpu, VMCS_CR0_GUEST_HOST_MASK, CR0_PE | CR0_PG, on);
    vmcs_control(cpu, VMCS_CR0_READ_SHADOW, CR0_PE | CR0_PG, true);
}
