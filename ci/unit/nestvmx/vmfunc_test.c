// SPDX-License-Identifier: BSD-2-Clause
// VM functions by an L2: EPTP switching.
#include <string.h>

#include "l1.h"

#define LIST   0x320000ull
#define OTHER  0x50001eull
#define L2_RIP 0x12340ull

static uint64_t *list(void) { return world_at(LIST); }

static void start(uint64_t controls)
{
    l1_start_with_vmcs();
    l1_fill_vmcs();
    l1_set(VMCS_PROC_CONTROLS2, l1_get(VMCS_PROC_CONTROLS2) | PROC2_ENABLE_VMFUNC);
    l1_set(VMCS_VM_FUNCTION_CONTROL, controls);
    l1_set(VMCS_EPTP_LIST_ADDR, LIST);
    list()[1] = OTHER;
    l1_launch();
}

static bool exits(uint64_t function, uint64_t index)
{
    world_gpr[GPR_RAX] = function;
    world_gpr[GPR_RCX] = index;
    l2[VMCS_GUEST_RIP] = L2_RIP;
    l2[VMCS_EXIT_INSTRUCTION_LENGTH] = 3;
    const bool exited = l2_exit(EXIT_VMFUNC) == ENTERED_L1;
    if (exited) {
        CHECK_EQ(l1_get(VMCS_EXIT_REASON), EXIT_VMFUNC);
        CHECK_EQ(l1_get(VMCS_GUEST_RIP), L2_RIP);
    } else {
        CHECK_EQ(l2[VMCS_GUEST_RIP], L2_RIP + 3);
    }
    return exited;
}

TEST(vmcs02_enables_no_function)
{
    start(1);
    CHECK_EQ(l2[VMCS_PROC_CONTROLS2] & PROC2_ENABLE_VMFUNC, PROC2_ENABLE_VMFUNC);
    CHECK_EQ(l2[VMCS_VM_FUNCTION_CONTROL], 0);
}

TEST(l2_switches_to_what_the_list_says)
{
    start(1);
    CHECK(!exits(0, 1));
    CHECK_EQ(world_last(OP_VMCS_EPT)->b, OTHER);
    CHECK(!exits(1ull << 32, 1ull << 32 | 1));  // upper halves don't count
    CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
    CHECK_EQ(l1_get(VMCS_EPTP), OTHER);
    // L1 goes on with it, and has its own way again once it says so.
    const uint32_t before = world_count(OP_VMCS_EPT);
    CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L2);
    CHECK_EQ(world_count(OP_VMCS_EPT), before);
    CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
    l1_set(VMCS_EPTP, EPTP12);
    CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L2);
    CHECK_EQ(world_last(OP_VMCS_EPT)->b, EPTP12);
}

TEST(all_else_is_l1s)
{
    static const struct { uint64_t function, index, entry; } row[] = {
        { 1, 1, OTHER }, { 63, 1, OTHER }, { 0, 512, OTHER }, { 0, 0xffffffff, OTHER }, { 0, 2, 0 }, { 0, 2, OTHER | 1 }, { 0, 2, OTHER & ~0x38ull },
        { 0, 2, OTHER | 1 << 8 }, { 0, 2, OTHER | 1ull << 40 }, { 0, 2, ~0ull },
    };
    start(1);
    for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
        const uint32_t before = world_count(OP_VMCS_EPT);
        list()[2] = row[i].entry;
        CHECK(exits(row[i].function, row[i].index));
        CHECK_EQ(l1_get(VMCS_EPTP), EPTP12);
        CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L2);
        CHECK_EQ(world_count(OP_VMCS_EPT), before);
    }
    world_unmap(LIST, PAGE_BYTES);
    CHECK(exits(0, 1));
}

TEST(no_function_is_enabled_by_the_control_alone)
{
    start(0);
    CHECK(exits(0, 1));
}

TEST(a_switch_can_be_done_twice)
{
    for (uint32_t cut = 1; cut < 8; cut++) {
        start(1);
        world_cut = cut;
        CHECK(!exits(0, 1));
        world_cut = 0;
        CHECK_EQ(world_last(OP_VMCS_EPT)->b, OTHER);
        CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
        CHECK_EQ(l1_get(VMCS_EPTP), OTHER);
        CHECK_EQ(l1_execute(EXIT_VMXOFF), SUCCEEDED);
    }
}
