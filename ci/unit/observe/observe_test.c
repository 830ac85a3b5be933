// SPDX-License-Identifier: BSD-2-Clause
// observe: counts what it is shown, and does nothing else.

#include <caps/hypercall.h>

#include "harness.h"

static uint64_t counter(uint64_t level, uint64_t reason)
{
    world_gpr[GPR_RAX] = HYPERCALL_OBSERVE_COUNT;
    world_gpr[GPR_RBX] = reason;
    world_gpr[GPR_RCX] = level;
    world_vmcs[VMCS_HANDLE_01][VMCS_GUEST_RIP] = 0x1000;
    world_vmcs[VMCS_HANDLE_01][VMCS_EXIT_INSTRUCTION_LENGTH] = 3;
    CHECK_EQ(world_exit(ORIGIN_L1, EXIT_VMCALL, NULL)->verdict, VERDICT_RESUME);
    CHECK_EQ(world_vmcs[VMCS_HANDLE_01][VMCS_GUEST_RIP], 0x1003);
    return world_gpr[GPR_RAX];
}

TEST(counts_by_origin_and_reason_on_all_cpus)
{
    for (unsigned i = 0; i < 5; i++) {
        world_cpu = i % 2;
        world_observe(ORIGIN_L1, EXIT_CPUID);
    }
    world_observe(ORIGIN_L2, EXIT_CPUID);
    world_observe(ORIGIN_L2, (enum exit_reason)(EXIT_ENTRY_GUEST_STATE | 0x80000000u));
    CHECK_EQ(counter(1, EXIT_CPUID), 5);
    CHECK_EQ(counter(2, EXIT_CPUID), 1);
    CHECK_EQ(counter(2, EXIT_ENTRY_GUEST_STATE), 1);
    CHECK_EQ(counter(1, EXIT_HLT), 0);
}

TEST(what_it_is_shown_costs_no_field_and_asks_for_nothing)
{
    const struct reply *rep = world_observe(ORIGIN_L1, EXIT_CPUID);
    CHECK_EQ(rep->op_count, 0);
    CHECK_EQ(rep->set, 0);
    CHECK_EQ(world_vmreads, 0);
    CHECK_EQ(world_vmwrites, 0);
}

TEST(there_is_no_counter_beyond)
{
    CHECK_EQ(counter(0, 0), ~0ull);
    CHECK_EQ(counter(3, 0), ~0ull);
    CHECK_EQ(counter(1, EXIT_REASON_COUNT), ~0ull);
    CHECK_EQ(counter(1, 1ull << 32), ~0ull);
}

TEST(every_reason_has_a_counter)
{
    for (unsigned reason = 0; reason < EXIT_REASON_COUNT; reason++)
        for (unsigned times = 0; times <= reason % 3; times++)
            world_observe(ORIGIN_L2, (enum exit_reason)reason);
    for (unsigned reason = 0; reason < EXIT_REASON_COUNT; reason++)
        CHECK_EQ(counter(2, reason), reason % 3 + 1);
}
