// SPDX-License-Identifier: BSD-2-Clause
// VMCSs: which is current, and the host's side of them.
#include "vmcs.h"

#include "memory.h"
#include "panic.h"
#include "pool.h"
#include "trap.h"
#include "upcall.h"

#define SHADOW_INDICATOR (1u << 31)

extern const char vm_exit[];  // entry.S

bool vmcs_try(struct cpu *cpu, hpa_t vmcs)
{
    if (cpu->shadow.v != 0 && cpu->vmcs_current.v == cpu->shadow.v) {
        if (!insn_vmclear(cpu->shadow.v))
            return false;
        cpu->vmcs_current = (hpa_t){ 0 };
    }
    if (!insn_vmptrld(vmcs.v))
        return false;
    cpu->vmcs_current = vmcs;
    return true;
}

void vmcs_load(struct cpu *cpu, hpa_t vmcs)
{
    if (!vmcs_try(cpu, vmcs))
        panic("VMPTRLD of 0x%lx fails", vmcs.v);
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
    uint64_t old = vmcs_get(cpu, field), new = on ? old | bits : old & ~(uint64_t)bits;
    if (new != old)
        vmcs_set(cpu, field, new);
}

void vmcs_write_list(struct cpu *cpu, const struct boot_fields *list)
{
    cpu->vmwrites += list->count;
    for (const struct field_write *write = list->write; write < list->write + list->count; write++)
        insn_vmwrite(write->encoding, write->value);
}

void vmcs_host_cpu(struct cpu *cpu)
{
    vmcs_write(VMCS_HOST_TR_BASE, (uintptr_t)&cpu->tss);
    vmcs_write(VMCS_HOST_GDTR_BASE, (uintptr_t)cpu->gdt);
    vmcs_write(VMCS_HOST_SYSENTER_ESP, (uintptr_t)cpu_rsp0(cpu));
    vmcs_write(VMCS_HOST_RSP, (uintptr_t)cpu + CPU_STACK_TOP);
}

void vmcs_init_host_state(struct cpu *cpu)
{
    vmcs_write_list(cpu, &boot_info->host);
    vmcs_host_cpu(cpu);
    vmcs_write(VMCS_HOST_IDTR_BASE, trap_idt().base);
    vmcs_write(VMCS_HOST_SYSENTER_EIP, (uintptr_t)sysenter_entry);
    vmcs_write(VMCS_HOST_RIP, (uintptr_t)vm_exit);
}
