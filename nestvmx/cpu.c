// SPDX-License-Identifier: BSD-2-Clause
// L1's VMX state on each CPU.

#include <rt/cpu.h>
#include <rt/info.h>
#include <rt/state.h>

#include "cpu.h"
#include "vmcap.h"
#include "vmcs12.h"

STATE static struct vmx_cpu vmx_cpu[CPU_MAX];

struct vmx_cpu *vmx_cpu_self(void) { return &vmx_cpu[rt_cpu() % CPU_MAX]; }

uint64_t vmx_cpu_feature_control(const struct vmx_cpu *cpu)
{
    if (cpu->feature_control_written)
        return cpu->feature_control;
    return info->feature_control & (FEATURE_CONTROL_LOCK | FEATURE_CONTROL_VMXON);
}

void vmx_cpu_set_feature_control(struct vmx_cpu *cpu, uint64_t value)
{
    state_set(&cpu->feature_control, value);
    state_set(&cpu->feature_control_written, 1);
}

struct vmcs12 *vmx_cpu_current(const struct vmx_cpu *cpu)
{
    return cpu->current != 0 ? vmcs12_at(cpu->current - 1) : NULL;
}

bool vmx_cpu_shadowing(const struct vmx_cpu *cpu) { return info->shadowing && cpu->current != 0; }
