// SPDX-License-Identifier: BSD-2-Clause
// What of CPUID stays: VMX by the partitions' routes, instructions by the controls that let L1 have them.
#include "../../../kernel/loader/hide.h"

#include <stdlib.h>

#include <caps/exit_reason.h>

#include <caps/cap.h>
#include <caps/cpuid.h>
#include <caps/msg.h>

#include "check.h"

// The row by which the kernel answers.
static const struct boot_cpuid *row_of(const struct boot_info *info, uint32_t leaf, uint32_t subleaf)
{
    for (unsigned i = 0; i < BOOT_CPUIDS; i++)
        if (leaf >= info->cpuid[i].first && leaf <= info->cpuid[i].last && (info->cpuid[i].subleaf == BOOT_CPUID_ANY || info->cpuid[i].subleaf == subleaf))
            return &info->cpuid[i];
    return NULL;
}

static bool shows_vmx(const struct boot_info *info) { return row_of(info, 1, 5)->keep[GPR_RCX] >> 5 & 1; }

TEST(vmx_is_shown_where_a_partition_takes_vmxon)
{
    struct boot_info *info = calloc(1, sizeof(*info));
    struct partition_header *header = &info->partition[1].header;
    info->partition_count = 2;
    header->route_count = 2;
    header->routes[1] = (struct route_cap){ .kind = ROUTE_EXIT, .origin = ORIGIN_L1, .reason = EXIT_VMXON };
    hide_make(info->cpuid, info);
    CHECK(shows_vmx(info));
    static const struct route_cap others[] = { { .kind = ROUTE_NONE, .origin = ORIGIN_L1, .reason = EXIT_VMXON }, { .kind = ROUTE_OBSERVE, .origin = ORIGIN_L1,
        .reason = EXIT_VMXON }, { .kind = ROUTE_EXIT, .origin = ORIGIN_L2, .reason = EXIT_VMXON }, { .kind = ROUTE_EXIT, .origin = ORIGIN_L1, .reason = EXIT_VMXOFF } };
    for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        header->routes[1] = others[i];
        hide_make(info->cpuid, info);
        CHECK(!shows_vmx(info));
    }
    free(info);
}

TEST(what_l0_doesnt_offer_is_hidden)
{
    struct boot_info *info = calloc(1, sizeof(*info));
    hide_make(info->cpuid, info);
    const uint32_t *leaf1 = row_of(info, 1, 0)->keep, *leaf7 = row_of(info, 7, 0)->keep;
    CHECK(leaf1[GPR_RCX] == ~(1u << 2 | 1u << 4 | 1u << 5 | 1u << 6 | 1u << 27) && leaf1[GPR_RDX] == ~(1u << 21));
    CHECK(leaf1[GPR_RAX] == 0xffffffff && leaf1[GPR_RBX] == 0xffffffff && leaf7[GPR_RAX] == 0xffffffff);
    CHECK(leaf7[GPR_RBX] == ~(1u << 10 | 1u << 25) && leaf7[GPR_RCX] == ~(1u << 4 | 1u << 5 | 1u << 7) && leaf7[GPR_RDX] == ~(1u << 18 | 1u << 20));
    CHECK(row_of(info, 0xd, 1)->keep[GPR_RAX] == ~(1u << 3) && row_of(info, 0x80000001, 9)->keep[GPR_RDX] == ~(1u << 27));
    CHECK(row_of(info, 1, 0)->cr4 == 1u << 18 && row_of(info, 1, 0)->cr4_ecx == 1u << 27 && row_of(info, 7, 0)->cr4 == 1u << 22 && row_of(info, 7, 0)->cr4_ecx == 1u << 4);
    CHECK(row_of(info, 7, 1) == NULL && row_of(info, 0xd, 0) == NULL && row_of(info, 0xd, 2) == NULL);  // as the CPU has them
    info->vmx.allowed1[WORD_PROC2] = 0xffffffff;
    hide_make(info->cpuid, info);
    CHECK(leaf7[GPR_RBX] == ~(1u << 25) && leaf7[GPR_RCX] == ~(1u << 4 | 1u << 7) && row_of(info, 0xd, 1)->keep[GPR_RAX] == 0xffffffff &&
          row_of(info, 0x80000001, 0)->keep[GPR_RDX] == 0xffffffff);
    for (uint32_t leaf = 0; leaf < 32; leaf++) {  // the kernel asks for no others
        bool any = false;
        for (uint32_t subleaf = 0; subleaf < 3; subleaf++)
            any |= row_of(info, leaf, subleaf) != NULL;
        CHECK_EQ(any, BOOT_CPUID_LEAVES >> leaf & 1);
    }
    free(info);
}

TEST(the_hypervisors_leaves_are_l0s_alone)
{
    static const uint32_t other[] = { 0x14, 0x40000002, 0x40000010, 0x4000ffff };
    struct boot_info *info = calloc(1, sizeof(*info));
    info->partition_count = 3;
    info->cpu_count = 7;
    hide_make(info->cpuid, info);
    const struct boot_cpuid *name = row_of(info, CPUID_BULKHEAD, 1), *counts = row_of(info, CPUID_BULKHEAD_INFO, 2);
    CHECK(name->set[GPR_RAX] == CPUID_BULKHEAD_INFO && name->set[GPR_RBX] == CPUID_BULKHEAD_EBX && name->set[GPR_RCX] == CPUID_BULKHEAD_ECX &&
          name->set[GPR_RDX] == CPUID_BULKHEAD_EDX);
    CHECK(counts->set[GPR_RAX] == CAP_ABI && counts->set[GPR_RBX] == 3 && counts->set[GPR_RCX] == 7 && counts->set[GPR_RDX] == 0);
    for (unsigned i = 0; i < 4; i++) {
        CHECK(name->keep[i] == 0 && counts->keep[i] == 0 && row_of(info, 1, 0)->set[i] == (i == GPR_RCX ? 1u << 31 : 0));
        for (unsigned k = 0; k < sizeof(other) / sizeof(other[0]); k++)
            CHECK(row_of(info, other[k], k)->keep[i] == 0 && row_of(info, other[k], k)->set[i] == 0);
    }
    CHECK(row_of(info, 0x40010000, 0) == NULL && row_of(info, 0x3fffffff, 0) == NULL && row_of(info, 0x80000000, 0) == NULL);
    free(info);
}
