// SPDX-License-Identifier: BSD-2-Clause
// What of CPUID stays: VMX by the partitions' routes, instructions by the controls that let L1 have them.
#include "../../../kernel/loader/hide.h"

#include <stdlib.h>

#include <caps/exit_reason.h>

#include "check.h"

TEST(vmx_is_shown_where_a_partition_takes_vmxon)
{
    struct boot_info *info = calloc(1, sizeof(*info));
    struct partition_header *header = &info->partition[1].header;
    info->partition_count = 2;
    header->route_count = 2;
    header->routes[1] = (struct route_cap){ .kind = ROUTE_EXIT, .origin = ORIGIN_L1, .reason = EXIT_VMXON };
    hide_make(&info->cpuid, info);
    CHECK(info->cpuid.leaf1_ecx >> 5 & 1);
    static const struct route_cap others[] = { { .kind = ROUTE_NONE, .origin = ORIGIN_L1, .reason = EXIT_VMXON }, { .kind = ROUTE_OBSERVE, .origin = ORIGIN_L1,
        .reason = EXIT_VMXON }, { .kind = ROUTE_EXIT, .origin = ORIGIN_L2, .reason = EXIT_VMXON }, { .kind = ROUTE_EXIT, .origin = ORIGIN_L1, .reason = EXIT_VMXOFF } };
    for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        header->routes[1] = others[i];
        hide_make(&info->cpuid, info);
        CHECK(!(info->cpuid.leaf1_ecx >> 5 & 1));
    }
    free(info);
}

TEST(what_l0_doesnt_offer_is_hidden)
{
    struct boot_info *info = calloc(1, sizeof(*info));
    hide_make(&info->cpuid, info);
    const struct boot_cpuid *keep = &info->cpuid;
    CHECK(keep->leaf1_ecx == ~(1u << 2 | 1u << 4 | 1u << 5 | 1u << 6 | 1u << 27) && keep->leaf1_edx == ~(1u << 21));
    CHECK(keep->leaf7_ebx == ~(1u << 10 | 1u << 25) && keep->leaf7_ecx == ~(1u << 4 | 1u << 5 | 1u << 7) && keep->leaf7_edx == ~(1u << 18 | 1u << 20));
    CHECK(keep->leafd_eax == ~(1u << 3) && keep->extended1_edx == ~(1u << 27));
    info->vmx.allowed1[WORD_PROC2] = 0xffffffff;
    hide_make(&info->cpuid, info);
    CHECK(keep->leaf7_ebx == ~(1u << 25) && keep->leaf7_ecx == ~(1u << 4 | 1u << 7) && keep->leafd_eax == 0xffffffff && keep->extended1_edx == 0xffffffff);
    free(info);
}
