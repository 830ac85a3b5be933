// SPDX-License-Identifier: BSD-2-Clause
// Masks of CPUID leaves (SDM 2A "CPUID").
#include "hide.h"

#include <caps/exit_reason.h>

#define LEAF1_ECX_DS         (1u << 2 | 1u << 4)  // DTES64, DS-CPL
#define LEAF1_EDX_DS         (1u << 21)
#define LEAF1_ECX_VMX        (1u << 5)
#define LEAF1_ECX_SMX        (1u << 6)
#define LEAF1_ECX_OSXSAVE    (1u << 27)
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

void hide_make(struct boot_cpuid *keep, const struct boot_info *info)
{
    uint32_t proc2 = info->vmx.allowed1[WORD_PROC2];
    keep->leaf1_ecx = ~(LEAF1_ECX_SMX | LEAF1_ECX_OSXSAVE | LEAF1_ECX_DS | (vmx_routed(info) ? 0 : LEAF1_ECX_VMX));
    keep->leaf1_edx = ~LEAF1_EDX_DS;
    keep->leaf7_ebx = ~(LEAF7_EBX_PT | (proc2 & PROC2_ENABLE_INVPCID ? 0 : LEAF7_EBX_INVPCID));
    keep->leaf7_ecx = ~(LEAF7_ECX_OSPKE | LEAF7_ECX_CET_SS | (proc2 & PROC2_ENABLE_USER_WAIT ? 0 : LEAF7_ECX_WAITPKG));
    keep->leaf7_edx = ~(LEAF7_EDX_PCONFIG | LEAF7_EDX_CET_IBT);
    keep->leafd_eax = ~(proc2 & PROC2_ENABLE_XSAVES ? 0 : LEAFD_1_EAX_XSAVES);
    keep->extended1_edx = ~(proc2 & PROC2_ENABLE_RDTSCP ? 0 : EXTENDED1_EDX_RDTSCP);
}
