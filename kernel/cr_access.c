// SPDX-License-Identifier: BSD-2-Clause
// CR0 and CR4: L1 owns all bits but those that VMX fixes (CR0.NE, CR4.VMXE; in VMX operation CR0.PE and PG). Where it toggles one of these, the read shadow follows, and the
// instruction is executed again: shadow and new value agree now, there is no exit, and the CPU makes all its checks and loads PDPTEs.
#include "exit.h"

#include "cr.h"
#include "inject.h"
#include "msr.h"
#include "panic.h"
#include "route.h"
#include "vmcs.h"

// Exit qualification (SDM 3C table 28-3 "Exit Qualification for Control-Register Accesses").
#define CR_NUMBER(q)   ((unsigned)(q) & 15)
#define CR_ACCESS(q)   ((unsigned)(q) >> 4 & 3)
#define CR_REGISTER(q) ((unsigned)(q) >> 8 & 15)
enum { ACCESS_MOV_TO, ACCESS_MOV_FROM, ACCESS_CLTS, ACCESS_LMSW };

static uint64_t operand(struct cpu *cpu, unsigned reg)
{
    uint64_t value = reg == 4 ? vmcs_read(VMCS_GUEST_RSP) : cpu->gpr[reg];
    bool wide = vmcs_read(VMCS_GUEST_EFER) & EFER_LMA && vmcs_read(VMCS_GUEST_CS_ACCESS_RIGHTS) & RIGHTS_LONG;
    return wide ? value : (uint32_t)value;
}

// What makes MOV to CR0 or CR4 fault (SDM 2B "MOV - Move to/from Control Registers"), as far as it shows here: with a fault, the shadow must not change.
static bool cr4_faults(struct cpu *cpu, uint64_t value)
{
    const uint64_t supported = vmx_caps->cr4_supported & ~(route_has(ORIGIN_L1, EXIT_VMXON) ? 0 : CR4_VMXE), old = vmcs_read(VMCS_GUEST_CR4);
    const bool long_mode = vmcs_read(VMCS_GUEST_EFER) & EFER_LMA;
    if (value & ~supported || (cpu->l1_vmx && !(value & CR4_VMXE)))
        return true;
    if (long_mode && (!(value & CR4_PAE) || (value ^ old) & CR4_LA57))
        return true;
    if (value & ~old & CR4_PCIDE && (!long_mode || vmcs_read(VMCS_GUEST_CR3) & 0xfff))
        return true;
    return value & CR4_CET && !(vmcs_read(VMCS_GUEST_CR0) & CR0_WP);
}

static bool cr0_faults(const struct cpu *cpu, uint64_t value)
{
    return value >> 32 || (value & CR0_PG && !(value & CR0_PE)) || (value & CR0_NW && !(value & CR0_CD)) || (cpu->l1_vmx && ~value & (CR0_PE | CR0_NE | CR0_PG));
}

void cr_access_exit(struct cpu *cpu)
{
    uint64_t qualification = vmcs_read(VMCS_EXIT_QUALIFICATION);
    if (CR_ACCESS(qualification) != ACCESS_MOV_TO || (CR_NUMBER(qualification) != 0 && CR_NUMBER(qualification) != 4))
        panic("CR access 0x%lx at rip=0x%lx", qualification, cpu->rip);
    uint64_t value = operand(cpu, CR_REGISTER(qualification));
    bool cr4 = CR_NUMBER(qualification) == 4;
    if (cr4 ? cr4_faults(cpu, value) : cr0_faults(cpu, value))
        inject_gp(cpu, 0);
    else
        vmcs_write(cr4 ? VMCS_CR4_READ_SHADOW : VMCS_CR0_READ_SHADOW, value);
}
