// SPDX-License-Identifier: BSD-2-Clause
// After a reload of the partition: L1 and L2 go on.
#include <string.h>

#include <caps/ept_call.h>
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

// The message of an instruction failed twice. Returns L1's status flags.
static uint64_t killed(enum exit_reason reason)
{
    uint64_t *l1 = world_vmcs[VMCS_HANDLE_01];
    l1[VMCS_EXIT_REASON] = reason;
    l1[VMCS_GUEST_RIP] = L1_RIP;
    l1[VMCS_EXIT_INSTRUCTION_LENGTH] = L1_LENGTH;
    l1[VMCS_GUEST_RFLAGS] = 2;
    CHECK_EQ(world_message(MSG_KILL, ORIGIN_L1, NULL)->verdict, VERDICT_L1);
    CHECK_EQ(l1[VMCS_GUEST_RIP], L1_RIP + L1_LENGTH);
    return l1[VMCS_GUEST_RFLAGS] & 0x8d5;
}

// L1 may not look at VMfail: no L2 runs on half of what it has written.
TEST(without_a_vmwrite_no_l2_is_entered)
{
    l1_start_with_vmcs();
    l1_fill_vmcs();
    l1_launch();
    CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
    l1_state();
    shadow[VMCS_GUEST_RIP] = 0x8888;
    CHECK_EQ(killed(EXIT_VMWRITE), 1);
    uint64_t value;
    CHECK_EQ(l1_vmread(vmcs_field_info[VMCS_HOST_RSP].encoding, &value), FAILED_INVALID);
    CHECK_EQ(l1_execute(EXIT_VMRESUME), FAILED_INVALID);
    CHECK_EQ(l1_with_address(EXIT_VMPTRLD, VMCS_PAGE), SUCCEEDED);
    CHECK_EQ(l1_get(VMCS_GUEST_RIP), 0x8888);
    CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L2);
}

TEST(without_a_vmptrld_nothing_is_written_into_the_vmcs_before)
{
    l1_start_with_vmcs();
    l1_set(VMCS_HOST_RSP, 0x1230);
    CHECK_EQ(killed(EXIT_VMPTRLD), 1);
    CHECK_EQ(l1_vmwrite(vmcs_field_info[VMCS_HOST_RSP].encoding, 0x4560), FAILED_INVALID);
    CHECK_EQ(l1_with_address(EXIT_VMPTRLD, VMCS_PAGE), SUCCEEDED);
    CHECK_EQ(l1_get(VMCS_HOST_RSP), 0x1230);
}

static uint64_t call[3];

static enum status note_call(uint32_t index, const uint64_t arg[MSG_ARGS], uint64_t result[MSG_ARGS])
{
    (void)index, (void)result;
    memcpy(call, arg, sizeof(call));
    return STATUS_OK;
}

TEST(what_was_to_be_invalidated_is)
{
    l1_start_with_vmcs();
    world_answer_call = note_call;
    CHECK_EQ(killed(EXIT_INVEPT), 0);
    CHECK_EQ(call[0], EPT_CALL_INVEPT);
    CHECK_EQ(call[1], INVEPT_ALL);
    call[0] = ~0ull;
    CHECK_EQ(killed(EXIT_INVVPID), 0);
    CHECK_EQ(call[0], EPT_CALL_INVEPT);
}

// Not for a program at CPL 3, nor outside VMX operation: the exception is the answer.
TEST(a_killed_instruction_that_is_not_allowed)
{
    uint64_t *l1 = world_vmcs[VMCS_HANDLE_01];
    l1_start_with_vmcs();
    l1[VMCS_EXIT_REASON] = EXIT_VMWRITE;
    l1[VMCS_GUEST_SS_ACCESS_RIGHTS] |= 3 << 5;
    CHECK_EQ(world_message(MSG_KILL, ORIGIN_L1, NULL)->verdict, VERDICT_L1);
    CHECK_EQ(l1[VMCS_ENTRY_INTR_INFO] & 0x800000ff, 0x8000000d);
    l1[VMCS_ENTRY_INTR_INFO] = 0;
    l1_state();
    CHECK_EQ(l1_vmwrite(vmcs_field_info[VMCS_HOST_RSP].encoding, 0x4560), SUCCEEDED);
}
