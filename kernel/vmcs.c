// SPDX-License-Identifier: BSD-2-Clause
// VMCSs: which is current, and the host's side of them.
#include "vmcs.h"

#include "host.h"
#include "memory.h"
#include "panic.h"
#include "paging.h"
#include "pool.h"
#include "trap.h"
#include "upcall.h"

#define SHADOW_INDICATOR (1u << 31)

void vmcs_load(struct cpu *cpu, hpa_t vmcs)
{
    if (cpu->shadow.v != 0 && cpu->vmcs_current.v == cpu->shadow.v)
        vmcs_clear(cpu, cpu->shadow);
    if (!insn_vmptrld(vmcs.v))
        panic("VMPTRLD of 0x%lx fails", vmcs.v);
    cpu->vmcs_current = vmcs;
}

void vmcs_clear(struct cpu *cpu, hpa_t vmcs)
{
    if (!insn_vmclear(vmcs.v))
        panic("VMCLEAR of 0x%lx fails", vmcs.v);
    if (cpu->vmcs_current.v == vmcs.v)
        cpu->vmcs_current = (hpa_t){ 0 };
}

void vmcs_format(struct cpu *cpu, hpa_t vmcs, bool shadow)
{
    uint32_t *region = hidden_va(vmcs);
    memory_fill(region, 0, PAGE_BYTES);
    *region = vmx_caps->revision | (shadow ? SHADOW_INDICATOR : 0);
    vmcs_clear(cpu, vmcs);
}

void vmcs_control(struct cpu *cpu, enum vmcs_field field, uint32_t bits, bool on)
{
    (void)cpu;
    uint64_t old = vmcs_read(field), new = on ? old | bits : old & ~(uint64_t)bits;
    if (new != old)
        vmcs_write(field, new);
}

// A fresh VMCS holds zeros as far as we know, but the SDM doesn't promise it.
static const uint8_t zero_field[] = {
    VMCS_EXIT_MSR_STORE_COUNT, VMCS_EXIT_MSR_LOAD_COUNT, VMCS_ENTRY_MSR_LOAD_COUNT, VMCS_ENTRY_INTR_INFO, VMCS_ENTRY_EXCEPTION_ERROR,
    VMCS_ENTRY_INSTRUCTION_LENGTH, VMCS_EXCEPTION_BITMAP, VMCS_PF_ERROR_MASK, VMCS_PF_ERROR_MATCH, VMCS_CR3_TARGET_COUNT, VMCS_TSC_OFFSET,
    VMCS_XSS_EXIT_BITMAP, VMCS_VM_FUNCTION_CONTROL, VMCS_TPR_THRESHOLD, VMCS_HOST_ES_SELECTOR, VMCS_HOST_DS_SELECTOR,
    VMCS_HOST_FS_SELECTOR, VMCS_HOST_GS_SELECTOR, VMCS_HOST_GS_BASE,
};

void vmcs_host_cpu(struct cpu *cpu)
{
    vmcs_write(VMCS_HOST_TR_BASE, (uintptr_t)&cpu->tss);
    vmcs_write(VMCS_HOST_GDTR_BASE, (uintptr_t)cpu->gdt);
    vmcs_write(VMCS_HOST_SYSENTER_ESP, (uintptr_t)cpu_rsp0(cpu));
    vmcs_write(VMCS_HOST_RSP, (uintptr_t)cpu + CPU_STACK_TOP);
}

void vmcs_init_host_state(struct cpu *cpu)
{
    for (unsigned i = 0; i < sizeof(zero_field) / sizeof(zero_field[0]); i++)
        if (vmcs_field_exists((enum vmcs_field)zero_field[i]))
            vmcs_write((enum vmcs_field)zero_field[i], 0);
    vmcs_host_cpu(cpu);
    vmcs_write(VMCS_VMCS_LINK_POINTER, ~0ull);
    vmcs_write(VMCS_HOST_CS_SELECTOR, SELECTOR_KERNEL_CS);
    vmcs_write(VMCS_HOST_SS_SELECTOR, SELECTOR_KERNEL_SS);
    vmcs_write(VMCS_HOST_TR_SELECTOR, SELECTOR_TSS);
    vmcs_write(VMCS_HOST_IDTR_BASE, trap_idt().base);
    vmcs_write(VMCS_HOST_FS_BASE, INFO_BASE);  // so that info.canary is where compilers look for it
    vmcs_write(VMCS_HOST_CR0, host_cr0());
    vmcs_write(VMCS_HOST_CR3, paging_root().v);
    vmcs_write(VMCS_HOST_CR4, host_cr4());
    vmcs_write(VMCS_HOST_EFER, HOST_EFER);
    vmcs_write(VMCS_HOST_PAT, HOST_PAT);
    vmcs_write(VMCS_HOST_SYSENTER_CS, SELECTOR_KERNEL_CS);
    vmcs_write(VMCS_HOST_SYSENTER_EIP, (uintptr_t)sysenter_entry);
    vmcs_write(VMCS_HOST_RIP, (uintptr_t)vm_exit);
}
