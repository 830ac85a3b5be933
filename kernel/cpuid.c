// SPDX-License-Identifier: BSD-2-Clause
// CPUID: the CPU's own answer, less what L0 doesn't offer, plus the hypervisor leaves.
#include "exit.h"

#include "cpuid_insn.h"
#include "inject.h"
#include "vmcs.h"

// From the CPU's answer to L0's.
static __attribute__((noinline)) void change(struct cpu *cpu, uint32_t leaf, uint32_t subleaf)
{
    const struct boot_cpuid *row = boot_info->cpuid, *end = row + BOOT_CPUIDS;
    while (row < end && (leaf < row->first || leaf > row->last || (row->subleaf != BOOT_CPUID_ANY && row->subleaf != subleaf)))
        row++;
    if (row == end)
        return;
    for (unsigned i = GPR_RAX; i <= GPR_RBX; i++)
        cpu->gpr[i] = (cpu->gpr[i] & row->keep[i]) | row->set[i];
    if (row->cr4 != 0 && vmcs_get(cpu, VMCS_GUEST_CR4) & row->cr4)
        cpu->gpr[GPR_RCX] |= row->cr4_ecx;
}

void cpuid_exit(struct cpu *cpu)
{
    uint32_t leaf = (uint32_t)cpu->gpr[GPR_RAX], subleaf = (uint32_t)cpu->gpr[GPR_RCX];
    struct cpuid r = cpuid_read(leaf, subleaf);
    cpu->gpr[GPR_RAX] = r.rax, cpu->gpr[GPR_RBX] = r.rbx, cpu->gpr[GPR_RCX] = r.rcx, cpu->gpr[GPR_RDX] = r.rdx;
    if (leaf >= 32 || BOOT_CPUID_LEAVES >> leaf & 1)
        change(cpu, leaf, subleaf);
    advance_rip(cpu);
}
