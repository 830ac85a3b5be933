// SPDX-License-Identifier: BSD-2-Clause
// After a reload of the partition: L1 and L2 go on.
#include <rt/state.h>

#include "l1.h"

static uint64_t *const shadow = world_vmcs[VMCS_HANDLE_SHADOW];

TEST(l2_goes_on_after_a_reload)
{
    l1_start_with_vmcs();
    l1_fill_vmcs();
    l1_launch();
    l2[VMCS_GUEST_CR3] = 0xdef000;
    CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
    world_init(1, 0);
    CHECK_EQ(l1_get(VMCS_GUEST_CR3), 0xdef000);
    shadow[VMCS_GUEST_RIP] = 0x8888;
    CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L2);
    CHECK_EQ(world_count(OP_VMCS_RESET), 2);
    CHECK_EQ(l2[VMCS_GUEST_RIP], 0x8888);
    CHECK_EQ(l2[VMCS_GUEST_CR3], 0xdef000);
    CHECK_EQ(l2[VMCS_GUEST_ES_LIMIT], 0xa69f1c74);
}

TEST(what_l2_left_in_vmcs02_is_kept_by_the_reset)
{
    l1_start_with_vmcs();
    l1_fill_vmcs();
    l1_launch();
    l2[VMCS_GUEST_CR3] = 0xdef000;
    l2[VMCS_GUEST_GS_BASE] = 0x777;
    CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
    world_init(1, 0);
    CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L2);
    CHECK_EQ(l2[VMCS_GUEST_CR3], 0xdef000);
    CHECK_EQ(l2[VMCS_GUEST_GS_BASE], 0x777);
}

TEST(a_reload_while_l2_runs)
{
    l1_start_with_vmcs();
    l1_fill_vmcs();
    l1_launch();
    world_init(1, 0);
    l2[VMCS_GUEST_RIP] = 0x4444;
    CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
    CHECK_EQ(shadow[VMCS_GUEST_RIP], 0x4444);
    CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L2);
    CHECK_EQ(l2[VMCS_GUEST_RIP], 0x4444);
}

// The message before wasn't completed: what it changed in the state region is undone, and it comes again.
TEST(an_unfinished_vmptrld_comes_again)
{
    l1_start_with_vmcs();
    l1_set(VMCS_HOST_RSP, 0x1230);
    l1_set_region(VMCS_PAGE + 0x1000, REVISION);
    CHECK_EQ(l1_with_address(EXIT_VMPTRLD, VMCS_PAGE + 0x1000), SUCCEEDED);
    world_init(1, 1);
    CHECK_EQ(l1_with_address(EXIT_VMPTRST, 0), SUCCEEDED);
    CHECK_EQ(*(uint64_t *)world_at(OPERAND), VMCS_PAGE);
    CHECK_EQ(l1_with_address(EXIT_VMPTRLD, VMCS_PAGE + 0x1000), SUCCEEDED);
    CHECK_EQ(l1_with_address(EXIT_VMPTRLD, VMCS_PAGE), SUCCEEDED);
    CHECK_EQ(l1_get(VMCS_HOST_RSP), 0x1230);
}

TEST(an_unfinished_exit_comes_again)
{
    l1_start_with_vmcs();
    l1_fill_vmcs();
    l1_launch();
    l2[VMCS_GUEST_RIP] = 0x4444;
    CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
    world_init(1, 1);
    CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
    CHECK_EQ(shadow[VMCS_GUEST_RIP], 0x4444);
    CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L2);
}

// Two faults in the entry that makes VMCS02 anew: what L2 left was read before the reset, which isn't undone.
TEST(an_unfinished_entry_after_a_reload_comes_again)
{
    l1_start_with_vmcs();
    l1_fill_vmcs();
    l1_launch();
    l2[VMCS_GUEST_CR3] = 0xdef000;
    l2[VMCS_GUEST_GS_BASE] = 0x777;
    CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
    world_init(1, 0);
    CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L2);
    world_init(2, 1);
    CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L2);
    CHECK_EQ(world_count(OP_VMCS_RESET), 3);
    CHECK_EQ(l2[VMCS_GUEST_CR3], 0xdef000);
    CHECK_EQ(l2[VMCS_GUEST_GS_BASE], 0x777);
}
