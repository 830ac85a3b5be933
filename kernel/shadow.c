// SPDX-License-Identifier: BSD-2-Clause
// The switch.

#include "shadow.h"

#include "vmcs.h"

void shadow_set(struct cpu *cpu, bool on)
{
    cpu->shadowing = on;
    vmcs_select(cpu, cpu->vmcs01);
    vmcs_set(cpu, VMCS_VMCS_LINK_POINTER, on ? cpu->shadow.v : ~0ull);
    if (on)
        vmcs_control(cpu, VMCS_PROC_CONTROLS2, PROC2_VMCS_SHADOWING, true);
}

void shadow_vmx(struct cpu *cpu, bool on)
{
    cpu->l1_vmx = on;
    shadow_set(cpu, cpu->shadowing && on);
    vmcs_control(cpu, VMCS_PROC_CONTROLS2, PROC2_VMCS_SHADOWING, cpu->shadowing);
}
