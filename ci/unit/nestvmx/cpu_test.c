// SPDX-License-Identifier: BSD-2-Clause
// VM-entry checks that depend on what the CPU has.
#include <string.h>

#include "l1.h"

#define REFUSED ((enum exit_reason)(EXIT_ENTRY_GUEST_STATE | EXIT_REASON_FAILED))

// The CPU refuses the guest state: whether the table has no check that would.
static void refused(bool right)
{
    world_log[0] = '\0';
    CHECK_EQ(l1_execute(EXIT_VMLAUNCH), ENTERED_L2);
    CHECK_EQ(l2_exit(REFUSED), ENTERED_L1);
    CHECK_EQ(strstr(world_log, "no name here") != NULL, right);
}

TEST(flags_in_the_eptp)
{
    l1_start_with_vmcs();
    l1_fill_vmcs();
    l1_set(VMCS_EPTP, EPTP12 | 0x40);
    CHECK_EQ(l1_execute(EXIT_VMLAUNCH), ENTERED_L2);
    CHECK_EQ(world_last(OP_VMCS_EPT)->b, EPTP12 | 0x40);
}

TEST(no_flags_in_the_eptp_where_the_cpu_has_none)
{
    world_info.vmx_msr[0x48c - 0x480] &= ~(1ull << 21);
    l1_start_with_vmcs();
    l1_fill_vmcs();
    l1_set(VMCS_EPTP, EPTP12 | 0x40);
    CHECK_EQ(l1_execute(EXIT_VMLAUNCH), FAILED_VALID);
    CHECK_EQ(l1_error(), 7);
}

TEST(tsc_scaling)
{
    l1_start_with_vmcs();
    l1_fill_vmcs();
    l1_launch();
    CHECK_EQ(l2[VMCS_TSC_MULTIPLIER], 1ull << 48);
    CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
    l1_set(VMCS_PROC_CONTROLS2, l1_get(VMCS_PROC_CONTROLS2) | PROC2_USE_TSC_SCALING);
    CHECK_EQ(l1_execute(EXIT_VMRESUME), FAILED_VALID);  // the multiplier is 0
    CHECK_EQ(l1_error(), 7);
    l1_set(VMCS_TSC_MULTIPLIER, 3ull << 47);
    CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L2);
    CHECK_EQ(l2[VMCS_TSC_MULTIPLIER], 3ull << 47);
    CHECK(l2[VMCS_PROC_CONTROLS2] & PROC2_USE_TSC_SCALING);
    CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
    l1_set(VMCS_PROC_CONTROLS2, l1_get(VMCS_PROC_CONTROLS2) & ~(uint64_t)PROC2_USE_TSC_SCALING);
    CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L2);
    CHECK_EQ(l2[VMCS_TSC_MULTIPLIER], 1ull << 48);
}

// Of a CPU with 5-level paging the width of linear addresses is 57 bits, in whatever mode it is; linear-address masking has two bits in CR3.
TEST(the_width_of_addresses_is_the_cpus)
{
    static const enum vmcs_field host[] = { VMCS_HOST_SYSENTER_ESP, VMCS_HOST_FS_BASE, VMCS_HOST_IDTR_BASE, VMCS_HOST_RIP };
    static const enum vmcs_field guest[] = { VMCS_GUEST_SYSENTER_EIP, VMCS_GUEST_GS_BASE, VMCS_GUEST_GDTR_BASE };
    l1_start_with_vmcs();
    l1_fill_vmcs();
    for (unsigned wide = 0; wide < 2; wide++) {
        world_info.linear_bits = wide ? 57 : 48;
        world_info.cr4_supported |= wide ? 1ull << 28 : 0;
        for (unsigned i = 0; i < sizeof(host) / sizeof(host[0]); i++) {
            const uint64_t good = l1_get(host[i]);
            l1_set(host[i], 1ull << 55);
            CHECK_EQ(l1_execute(EXIT_VMLAUNCH), wide ? ENTERED_L2 : FAILED_VALID);
            if (wide)
                CHECK_EQ(l2_exit(REFUSED), ENTERED_L1);
            l1_set(host[i], 1ull << 56);
            CHECK_EQ(l1_execute(EXIT_VMLAUNCH), FAILED_VALID);
            l1_set(host[i], good);
        }
        for (unsigned i = 0; i < sizeof(guest) / sizeof(guest[0]); i++) {
            const uint64_t good = l1_get(guest[i]);
            l1_set(guest[i], 0xffull << 56);
            refused(wide);
            l1_set(guest[i], good);
        }
        l1_set(VMCS_HOST_CR3, 0x10000 | 3ull << 61);
        CHECK_EQ(l1_execute(EXIT_VMLAUNCH), wide ? ENTERED_L2 : FAILED_VALID);
        l1_set(VMCS_HOST_CR3, 0x10000 | 1ull << 60);
        CHECK_EQ(wide ? l2_exit(REFUSED) : ENTERED_L1, ENTERED_L1);
        CHECK_EQ(l1_execute(EXIT_VMLAUNCH), FAILED_VALID);
        l1_set(VMCS_HOST_CR3, 0x10000);
        l1_set(VMCS_GUEST_CR3, 0x10000 | 3ull << 61);
        refused(wide);
        l1_set(VMCS_GUEST_CR3, 0x77000);
        CHECK_EQ(l1_invalidate(EXIT_INVVPID, 0, 7, 1ull << 55), wide ? SUCCEEDED : FAILED_VALID);
        CHECK_EQ(l1_invalidate(EXIT_INVVPID, 0, 7, 1ull << 56), FAILED_VALID);
    }
}
