// SPDX-License-Identifier: BSD-2-Clause
// Exceptions that another partition ends an L2's instruction in.
#include "l1.h"

static uint64_t *const shadow = world_vmcs[VMCS_HANDLE_SHADOW];

// As trustvisor forwards it.
static enum outcome raised(uint32_t event, uint32_t error, uint64_t address)
{
    const uint64_t arg[MSG_ARGS] = { event, error, address };
    return world_exit(ORIGIN_L2, EXIT_EPT_VIOLATION, arg)->verdict == VERDICT_L1 ? ENTERED_L1 : ENTERED_L2;
}

// L1 injects what it injected last, and has its own error code and length, though L0 has injected something else meanwhile.
TEST(an_exception_of_l1s_is_not_one_of_others)
{
    l1_start_with_vmcs();
    l1_fill_vmcs();
    l1_set(VMCS_EXCEPTION_BITMAP, 0);
    l1_set(VMCS_ENTRY_EXCEPTION_ERROR, 7);
    l1_set(VMCS_ENTRY_INSTRUCTION_LENGTH, 2);
    for (unsigned i = 0; i < 2; i++) {
        l1_set(VMCS_ENTRY_INTR_INFO, i == 0 ? 0x80000b0e : 0x80000603);
        CHECK_EQ(l1_execute(i == 0 ? EXIT_VMLAUNCH : EXIT_VMRESUME), ENTERED_L2);
        CHECK(l2[VMCS_ENTRY_EXCEPTION_ERROR] == 7 && l2[VMCS_ENTRY_INSTRUCTION_LENGTH] == 2);
        l2[VMCS_ENTRY_INTR_INFO] = l2[VMCS_IDT_VECTORING_INFO] = 0;
        l2[VMCS_GUEST_CR0] |= 1;
        CHECK_EQ(raised(0x80000b0d, 0, 0), ENTERED_L2);
        CHECK_EQ(l2[VMCS_ENTRY_EXCEPTION_ERROR], 0);
        l2[VMCS_ENTRY_INTR_INFO] = 0;
        l2[VMCS_ENTRY_INSTRUCTION_LENGTH] = 5;  // the kernel's, of an event that it has begun anew
        CHECK_EQ(world_exit(ORIGIN_L2, EXIT_VMCALL, NULL)->verdict, VERDICT_L1);
        l1_set(VMCS_ENTRY_INTR_INFO, i == 0 ? 0x80000b0e : 0x80000603);
        CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L2);
        CHECK(i == 1 || l2[VMCS_ENTRY_EXCEPTION_ERROR] == 7);
        CHECK(i == 0 || l2[VMCS_ENTRY_INSTRUCTION_LENGTH] == 2);
        l2[VMCS_ENTRY_INTR_INFO] = 0;
        CHECK_EQ(world_exit(ORIGIN_L2, EXIT_VMCALL, NULL)->verdict, VERDICT_L1);
    }
}

TEST(exceptions_of_other_partitions_by_the_bitmap)
{
    l1_start_with_vmcs();
    l1_fill_vmcs();
    l1_set(VMCS_EXCEPTION_BITMAP, 1u << 13 | 1u << 14);
    l1_set(VMCS_PF_ERROR_MASK, 1);
    l1_set(VMCS_PF_ERROR_MATCH, 1);
    l1_launch();
    l2[VMCS_ENTRY_INTR_INFO] = l2[VMCS_IDT_VECTORING_INFO] = 0;
    l2[VMCS_GUEST_CR0] |= 1;
    CHECK_EQ(raised(0x80000b0e, 7, 0x7654321), ENTERED_L1);
    CHECK(shadow[VMCS_EXIT_REASON] == EXIT_EXCEPTION_OR_NMI && shadow[VMCS_EXIT_INTR_INFO] == 0x80000b0e && shadow[VMCS_EXIT_INTR_ERROR] == 7);
    CHECK_EQ(shadow[VMCS_EXIT_QUALIFICATION], 0x7654321);
    CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L2);
    CHECK_EQ(raised(0x80000b0e, 6, 0x7654321), ENTERED_L2);  // no match
    CHECK(l2[VMCS_ENTRY_INTR_INFO] == 0x80000b0e && l2[VMCS_ENTRY_EXCEPTION_ERROR] == 6 && world_gpr[GPR_CR2] == 0x7654321);
    l2[VMCS_ENTRY_INTR_INFO] = 0;
    CHECK_EQ(raised(0x80000b0d, 0, 0), ENTERED_L1);
    CHECK_EQ(shadow[VMCS_EXIT_INTR_INFO], 0x80000b0d);
    l1_set(VMCS_EXCEPTION_BITMAP, 0);
    CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L2);
    CHECK_EQ(raised(0x80000b0d, 0, 0), ENTERED_L2);
    CHECK_EQ(l2[VMCS_ENTRY_INTR_INFO], 0x80000b0d);
}
