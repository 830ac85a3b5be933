// SPDX-License-Identifier: BSD-2-Clause
// CPUID: the CPU's own answer, less what L0 doesn't offer, plus the hypervisor leaves.
#include "cpuid.h"

#include <caps/cap.h>
#include <caps/cpuid.h>

#include "cpuid_insn.h"
#include "cr.h"
#include "inject.h"
#include "partition.h"
#include "vmcs.h"

#define LEAF1_ECX_OSXSAVE    (1u << 27)
#define LEAF1_ECX_HYPERVISOR (1u << 31)
#define LEAF7_ECX_OSPKE      (1u << 4)

// Leaves below 32 in which L0 changes something.
#define LEAVES_CHANGED (1u << 1 | 1u << 7 | 1u << 0xd | 1u << 0x14)

static void set(uint64_t gpr[GPR_COUNT], uint64_t rax, uint64_t rbx, uint64_t rcx, uint64_t rdx)
{
    gpr[GPR_RAX] = rax, gpr[GPR_RBX] = rbx, gpr[GPR_RCX] = rcx, gpr[GPR_RDX] = rdx;
}

// From the CPU's answer to L0's.
static __attribute__((noinline)) void change(struct cpu *cpu, uint32_t leaf, uint32_t subleaf)
{
    const struct boot_cpuid *keep = &boot_info->cpuid;
    uint64_t *gpr = cpu->gpr;
    switch (leaf) {
    case 1:
        gpr[GPR_RCX] &= keep->leaf1_ecx;
        gpr[GPR_RCX] |= LEAF1_ECX_HYPERVISOR | (vmcs_get(cpu, VMCS_GUEST_CR4) & CR4_OSXSAVE ? LEAF1_ECX_OSXSAVE : 0);
        gpr[GPR_RDX] &= keep->leaf1_edx;
        break;
    case 7:
        if (subleaf == 0) {
            gpr[GPR_RBX] &= keep->leaf7_ebx;
            gpr[GPR_RCX] &= keep->leaf7_ecx;
            gpr[GPR_RCX] |= vmcs_get(cpu, VMCS_GUEST_CR4) & CR4_PKE ? LEAF7_ECX_OSPKE : 0;
            gpr[GPR_RDX] &= keep->leaf7_edx;
        }
        break;
    case 0xd:
        if (subleaf == 1)
            gpr[GPR_RAX] &= keep->leafd_eax;
        break;
    case 0x14:
        set(gpr, 0, 0, 0, 0);
        break;
    case 0x80000001:
        gpr[GPR_RDX] &= keep->extended1_edx;
        break;
    case CPUID_BULKHEAD:
        set(gpr, CPUID_BULKHEAD_INFO, CPUID_BULKHEAD_EBX, CPUID_BULKHEAD_ECX, CPUID_BULKHEAD_EDX);
        break;
    case CPUID_BULKHEAD_INFO:
        set(gpr, CAP_ABI, partition_count(), cpu_count, 0);
        break;
    default:
        if (leaf >> 16 == CPUID_BULKHEAD >> 16)
            set(gpr, 0, 0, 0, 0);
    }
}

void cpuid_exit(struct cpu *cpu)
{
    uint32_t leaf = (uint32_t)cpu->gpr[GPR_RAX], subleaf = (uint32_t)cpu->gpr[GPR_RCX];
    struct cpuid r = cpuid_read(leaf, subleaf);
    set(cpu->gpr, r.rax, r.rbx, r.rcx, r.rdx);
    if (leaf >= 32 || LEAVES_CHANGED >> leaf & 1)
        change(cpu, leaf, subleaf);
    advance_rip(cpu);
}
