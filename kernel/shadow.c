// SPDX-License-Identifier: BSD-2-Clause
// The switch.

#include "shadow.h"

bool shadow_supported(const struct cpu *cpu)
{
    return vmx_caps->shadowing && vmx_caps->write_any_field && cpu->shadow.v != 0;
}

void shadow_set(struct cpu *cpu, bool on)
{
    if (cpu->shadowing == on)
        return;
    cpu->shadowing = on;
    vmcs_select(cpu, cpu->vmcs01);
    vmcs_control(cpu, VMCS_PROC_CONTROLS2, PROC2_VMCS_SHADOWING, on);
    vmcs_write(VMCS_VMCS_LINK_POINTER, on ? cpu->shadow.v : ~0ull);
    if (on) {
        vmcs_write(VMCS_VMREAD_BITMAP, vmx_caps->vmread_bitmap);
        vmcs_write(VMCS_VMWRITE_BITMAP, vmx_caps->vmwrite_bitmap);
    }
}
