// SPDX-License-Identifier: BSD-2-Clause
// INVEPT and INVVPID.
#include <caps/ept_call.h>

#include "l1.h"

static uint64_t called[MSG_ARGS];
static unsigned calls;

static enum status answer(uint32_t index, const uint64_t arg[MSG_ARGS], uint64_t result[MSG_ARGS])
{
    CHECK_EQ(index, 0);
    for (unsigned i = 0; i < MSG_ARGS; i++) {
        called[i] = arg[i];
        result[i] = 0;
    }
    calls++;
    return STATUS_OK;
}

TEST(invept_calls_ept)
{
    world_answer_call = answer;
    l1_start_with_vmcs();
    CHECK_EQ(l1_invalidate(EXIT_INVEPT, 1, EPTP12, 0), SUCCEEDED);
    CHECK_EQ(called[0], EPT_CALL_INVEPT);
    CHECK_EQ(called[1], INVEPT_SINGLE);
    CHECK_EQ(called[2], EPTP12);
    CHECK_EQ(l1_invalidate(EXIT_INVEPT, 2, 0x1234, 0), SUCCEEDED);
    CHECK_EQ(called[1], INVEPT_ALL);
    CHECK_EQ(calls, 2);
}

TEST(invept_refuses)
{
    world_answer_call = answer;
    l1_start_with_vmcs();
    static const uint64_t types[] = { 0, 3, 1ull << 32 | 1 };
    for (unsigned i = 0; i < 3; i++) {
        CHECK_EQ(l1_invalidate(EXIT_INVEPT, types[i], EPTP12, 0), FAILED_VALID);
        CHECK_EQ(l1_error(), 28);
    }
    CHECK_EQ(l1_invalidate(EXIT_INVEPT, 1, EPTP12 | 1ull << 45, 0), FAILED_VALID);
    CHECK_EQ(l1_invalidate(EXIT_INVEPT, 1, EPTP12 & ~7ull, 0), SUCCEEDED);
    CHECK_EQ(l1_invalidate(EXIT_INVEPT, 1, 0, 0), FAILED_VALID);
    CHECK_EQ(calls, 1);
}

TEST(invept_without_ept_is_done)
{
    l1_start_with_vmcs();
    CHECK_EQ(l1_invalidate(EXIT_INVEPT, 2, 0, 0), SUCCEEDED);  // the call fails: `ept` is parked
}

TEST(invvpid_flushes_the_vmcs02_of_the_vpid_at_the_next_entry)
{
    static const struct { uint64_t type, vpid, address; bool flushes; } row[] = {
        { 1, 7, 0, true }, { 1, 8, 0, false }, { 2, 0, 0, true }, { 3, 7, 0, true }, { 3, 6, 0, false }, { 0, 7, 0x12345678, true },
        { 0, 9, 0x12345678, false },
    };
    l1_start_with_vmcs();
    l1_fill_vmcs();
    l1_launch();
    CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
    for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
        const uint32_t flushes = world_count(OP_VMCS_FLUSH);
        CHECK_EQ(l1_invalidate(EXIT_INVVPID, row[i].type, row[i].vpid, row[i].address), SUCCEEDED);
        CHECK_EQ(world_count(OP_VMCS_FLUSH), flushes);
        for (unsigned entry = 0; entry < 2; entry++) {
            CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L2);
            CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
        }
        CHECK_EQ(world_count(OP_VMCS_FLUSH) - flushes, row[i].flushes);
    }
}

// So many flushes at an entry, and none at the one after that where there is a VPID.
static void enter_twice(uint32_t flushes, uint32_t again)
{
    const uint32_t before = world_count(OP_VMCS_FLUSH);
    CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L2);
    CHECK_EQ(world_count(OP_VMCS_FLUSH) - before, flushes);
    CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
    CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L2);
    CHECK_EQ(world_count(OP_VMCS_FLUSH) - before, flushes + again);
    CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
}

// Xen gives its L2 another VPID in place of INVVPID.
TEST(another_vpid_has_no_translations_of_the_one_before)
{
    l1_start_with_vmcs();
    l1_fill_vmcs();
    l1_launch();
    CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
    enter_twice(0, 0);
    l1_set(VMCS_VPID, 8);
    enter_twice(1, 0);
    l1_set(VMCS_VPID, 7);
    enter_twice(1, 0);
    l1_set(VMCS_VPID, 7);
    enter_twice(0, 0);
    // While it names another one, its translations are still those of the last that it ran with.
    l1_set(VMCS_VPID, 9);
    CHECK_EQ(l1_invalidate(EXIT_INVVPID, 1, 7, 0), SUCCEEDED);
    l1_set(VMCS_VPID, 7);
    enter_twice(1, 0);
    // Those of entries without a VPID are nobody's.
    const uint64_t controls = l1_get(VMCS_PROC_CONTROLS2);
    l1_set(VMCS_PROC_CONTROLS2, controls & ~(uint64_t)PROC2_ENABLE_VPID);
    enter_twice(1, 1);
    l1_set(VMCS_PROC_CONTROLS2, controls);
    enter_twice(1, 0);
}

TEST(invvpid_refuses)
{
    l1_start_with_vmcs();
    static const struct { uint64_t type, low, high; } bad[] = {
        { 4, 7, 0 }, { 1ull << 32, 7, 0 }, { 0, 0, 0 }, { 1, 0, 0 }, { 3, 0, 0 }, { 0, 7, 1ull << 47 },
        { 0, 0x10007, 0 }, { 1, 0x10007, 0 }, { 2, 0x10000, 0 }, { 2, 1ull << 63 | 7, 0 }, { 3, 0x10007, 0 },
    };
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK_EQ(l1_invalidate(EXIT_INVVPID, bad[i].type, bad[i].low, bad[i].high), FAILED_VALID);
        CHECK_EQ(l1_error(), 28);
    }
}

// None of them is touched that isn't current: another CPU may take it at any time.
TEST(many_vmcs02s_are_flushed)
{
    l1_start_with_vmcs();
    for (unsigned i = 0; i < 30; i++) {
        l1_set_region(VMCS_PAGE + i * 0x1000, REVISION);
        CHECK_EQ(l1_with_address(EXIT_VMPTRLD, VMCS_PAGE + i * 0x1000), SUCCEEDED);
        l1_fill_vmcs();
        l1_launch();
        CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
    }
    const uint32_t flushes = world_count(OP_VMCS_FLUSH);
    CHECK_EQ(l1_invalidate(EXIT_INVVPID, 2, 0, 0), SUCCEEDED);
    CHECK_EQ(world_count(OP_VMCS_FLUSH), flushes);
    for (unsigned i = 0; i < 30; i++) {
        CHECK_EQ(l1_with_address(EXIT_VMPTRLD, VMCS_PAGE + i * 0x1000), SUCCEEDED);
        CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L2);
        CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
        CHECK_EQ(world_count(OP_VMCS_FLUSH), flushes + i + 1);
    }
}

TEST(a_cpu_without_ept_or_vpid)
{
    world_info.vmx_msr[11] &= ~((uint64_t)(PROC2_ENABLE_EPT | PROC2_ENABLE_VPID) << 32);
    l1_start_with_vmcs();
    CHECK_EQ(l1_invalidate(EXIT_INVEPT, 2, 0, 0), FAULT_UD);
    CHECK_EQ(l1_invalidate(EXIT_INVVPID, 2, 0, 0), FAULT_UD);
}
