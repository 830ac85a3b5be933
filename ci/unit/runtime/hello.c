// SPDX-License-Identifier: BSD-2-Clause
// hello's hypercalls.

#include <string.h>

#include <caps/hypercall.h>

#include "harness.h"

TEST(null_counts_up)
{
    world_gpr[GPR_RAX] = HYPERCALL_NULL;
    world_gpr[GPR_RBX] = 41;
    world_gpr[GPR_R10] = 10;
    world_vmcs[0][VMCS_GUEST_RIP] = 0x1000;
    world_vmcs[0][VMCS_EXIT_INSTRUCTION_LENGTH] = 3;
    CHECK_EQ(world_exit(ORIGIN_L1, EXIT_VMCALL, NULL)->verdict, VERDICT_RESUME);
    CHECK_EQ(world_gpr[GPR_RAX], 0);
    CHECK_EQ(world_gpr[GPR_RBX], 42);
    CHECK_EQ(world_gpr[GPR_R10], 10);
    CHECK_EQ(world_vmcs[0][VMCS_GUEST_RIP], 0x1003);
    CHECK_EQ(world_vmwrites, 1);
}

TEST(hello_greets)
{
    char text[80] = { 0 };
    for (uint64_t offset = 0; offset < sizeof(text); offset += 8) {
        world_gpr[GPR_RAX] = HYPERCALL_HELLO;
        world_gpr[GPR_RBX] = offset;
        world_exit(ORIGIN_L1, EXIT_VMCALL, NULL);
        memcpy(text + offset, &world_gpr[GPR_RAX], 8);
    }
    CHECK(strcmp(text, "Hello from ring 3 of VMX root.") == 0);
    world_gpr[GPR_RBX] = ~0ull;
    world_gpr[GPR_RAX] = HYPERCALL_HELLO;
    world_exit(ORIGIN_L1, EXIT_VMCALL, NULL);
    CHECK_EQ(world_gpr[GPR_RAX], 0);
}

TEST(other_numbers_are_not_hello_s)
{
    world_gpr[GPR_RAX] = HYPERCALL_HELLO + 1;
    CHECK(!world_routed(ORIGIN_L1, EXIT_VMCALL));
    world_gpr[GPR_RAX] = 0x1000000000000000ull | HYPERCALL_NULL;
    CHECK(!world_routed(ORIGIN_L1, EXIT_VMCALL));
}

#define IN_EAX ((uint64_t)HYPERCALL_PORT << 16 | 0xb)  // SDM 3C table 28-5 "Exit Qualification for I/O Instructions"

TEST(the_port_counts_up)
{
    world_gpr[GPR_RAX] = HYPERCALL_NULL;
    world_gpr[GPR_RBX] = 1;
    world_vmcs[0][VMCS_EXIT_QUALIFICATION] = IN_EAX;
    world_vmcs[0][VMCS_GUEST_RIP] = 0x1000;
    world_vmcs[0][VMCS_EXIT_INSTRUCTION_LENGTH] = 1;
    CHECK_EQ(world_exit(ORIGIN_L1, EXIT_IO, NULL)->verdict, VERDICT_RESUME);
    CHECK_EQ(world_gpr[GPR_RAX], 0);
    CHECK_EQ(world_gpr[GPR_RBX], 2);
    CHECK_EQ(world_vmcs[0][VMCS_GUEST_RIP], 0x1001);
}

TEST(the_port_s_other_numbers_are_others)
{
    world_gpr[GPR_RAX] = HYPERCALL_HELLO + 1;
    world_vmcs[0][VMCS_EXIT_QUALIFICATION] = IN_EAX;
    world_vmcs[0][VMCS_GUEST_RIP] = 0x1000;
    const struct reply *rep = world_exit(ORIGIN_L1, EXIT_IO, NULL);
    CHECK_EQ(rep->verdict, VERDICT_FORWARD);
    CHECK_EQ(world_gpr[GPR_RAX], HYPERCALL_HELLO + 1);
    CHECK_EQ(world_vmcs[0][VMCS_GUEST_RIP], 0x1000);
    world_vmcs[0][VMCS_EXIT_QUALIFICATION] = (uint64_t)(HYPERCALL_PORT + 4) << 16 | 0xb;
    CHECK(!world_routed(ORIGIN_L1, EXIT_IO));
}

TEST(init_needs_nothing)
{
    CHECK_EQ(world_init(0, 0)->verdict, VERDICT_RETURN);
}
