// SPDX-License-Identifier: BSD-2-Clause
// CPUID's leaves as L1 sees them (SDM 2A "CPUID").
#include "hide.h"

#include <caps/cap.h>
#include <caps/cpuid.h>
#include <caps/exit_reason.h>
#include <caps/msg.h>

#include "cr.h"

#define LEAF1_ECX_DS         (1u << 2 | 1u << 4)  // DTES64, DS-CPL
#define LEAF1_EDX_DS         (1u << 21)
#define LEAF1_ECX_VMX        (1u << 5)
#define LEAF1_ECX_SMX        (1u << 6)
#define LEAF1_ECX_OSXSAVE    (1u << 27)
#define LEAF1_ECX_HYPERVISOR (1u << 31)
#define LEAF7_EBX_INVPCID    (1u << 10)
#define LEAF7_EBX_PT         (1u << 25)
#define LEAF7_ECX_OSPKE      (1u << 4)
#define LEAF7_ECX_WAITPKG    (1u << 5)
#define LEAF7_ECX_CET_SS     (1u << 7)
#define LEAF7_EDX_PCONFIG    (1u << 18)
#define LEAF7_EDX_CET_IBT    (1u << 20)
#define LEAFD_1_EAX_XSAVES   (1u << 3)
#define EXTENDED1_EDX_RDTSCP (1u << 27)

static bool vmx_routed(const struct boot_info *info)
{
    for (uint32_t p = 0; p < info->partition_count; p++) {
        const struct partition_header *header = &info->partition[p].header;
        for (unsigned i = 0; i < header->route_count; i++) {
            const struct route_cap *route = &header->routes[i];
            if (route->kind != ROUTE_NONE && route->kind != ROUTE_OBSERVE && route->origin == ORIGIN_L1 && route->reason == EXIT_VMXON)
                return true;
        }
    }
    return false;
}

#define ALL 0xffffffffu
#define KEEP(eax, ebx, ecx, edx) .keep = { [GPR_RAX] = (eax), [GPR_RBX] = (ebx), [GPR_RCX] = (ecx), [GPR_RDX] = (edx) }
#define SET(eax, ebx, ecx, edx)  .set = { [GPR_RAX] = (eax), [GPR_RBX] = (ebx), [GPR_RCX] = (ecx), [GPR_RDX] = (edx) }
#define LEAF(leaf) .first = (leaf), .last = (leaf), .subleaf = BOOT_CPUID_ANY

void hide_make(struct boot_cpuid cpuid[BOOT_CPUIDS], const struct boot_info *info)
{
    const uint32_t proc2 = info->vmx.allowed1[WORD_PROC2];
    const uint32_t leaf1_ecx = ~(LEAF1_ECX_SMX | LEAF1_ECX_OSXSAVE | LEAF1_ECX_DS | (vmx_routed(info) ? 0 : LEAF1_ECX_VMX));
    const uint32_t leaf7_ebx = ~(LEAF7_EBX_PT | (proc2 & PROC2_ENABLE_INVPCID ? 0 : LEAF7_EBX_INVPCID));
    const uint32_t leaf7_ecx = ~(LEAF7_ECX_OSPKE | LEAF7_ECX_CET_SS | (proc2 & PROC2_ENABLE_USER_WAIT ? 0 : LEAF7_ECX_WAITPKG));
    const uint32_t leaf7_edx = ~(LEAF7_EDX_PCONFIG | LEAF7_EDX_CET_IBT);
    const struct boot_cpuid rows[BOOT_CPUIDS] = {
        { LEAF(1), KEEP(ALL, ALL, leaf1_ecx, ~LEAF1_EDX_DS), SET(0, 0, LEAF1_ECX_HYPERVISOR, 0), .cr4 = CR4_OSXSAVE, .cr4_ecx = LEAF1_ECX_OSXSAVE },
        { .first = 7, .last = 7, .subleaf = 0, KEEP(ALL, leaf7_ebx, leaf7_ecx, leaf7_edx), .cr4 = CR4_PKE, .cr4_ecx = LEAF7_ECX_OSPKE },
        { .first = 0xd, .last = 0xd, .subleaf = 1, KEEP(~(proc2 & PROC2_ENABLE_XSAVES ? 0 : LEAFD_1_EAX_XSAVES), ALL, ALL, ALL) },
        { LEAF(0x14) },  // processor trace
        { LEAF(0x80000001), KEEP(ALL, ALL, ALL, ~(proc2 & PROC2_ENABLE_RDTSCP ? 0 : EXTENDED1_EDX_RDTSCP)) },
        { LEAF(CPUID_BULKHEAD), SET(CPUID_BULKHEAD_INFO, CPUID_BULKHEAD_EBX, CPUID_BULKHEAD_ECX, CPUID_BULKHEAD_EDX) },
        { LEAF(CPUID_BULKHEAD_INFO), SET(CAP_ABI, info->partition_count, info->cpu_count, 0) },
        { .first = CPUID_BULKHEAD_INFO + 1, .last = CPUID_BULKHEAD + 0xffff, .subleaf = BOOT_CPUID_ANY },  // the rest of a hypervisor's
    };
    for (unsigned i = 0; i < BOOT_CPUIDS; i++)
        cpuid[i] = rows[i];
}
_Static_assert(GPR_RAX == 0 && GPR_RBX == 3 && GPR_RCX < 4 && GPR_RDX < 4, "four registers");
