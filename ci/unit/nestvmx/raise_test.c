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
