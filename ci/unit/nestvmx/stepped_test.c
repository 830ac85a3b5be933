// SPDX-License-Identifier: BSD-2-Clause
// L1 has its L2 exit behind each instruction, also behind those that L0 does itself (SDM 3C 26.5.2 "Monitor Trap Flag").
#include "l1.h"

#define EPTP_LIST    0x320000ull
#define LINKED       (VMCS_PAGE + 0x1000)
#define READ_BITMAP  0x310000ull
#define WRITE_BITMAP 0x311000ull
#define L2_RIP       0x12340ull
#define MTF_PENDING  0x80000700ull
#define REGISTERS    (1u << 10 | GPR_RBX << 3 | (unsigned)GPR_R9 << 28)  // the value in RBX, the encoding in R9

static void launch(uint64_t controls)
{
    l1_start_with_vmcs();
    l1_fill_vmcs();
    l1_set_region(LINKED, REVISION | 1u << 31);
    l1_set(VMCS_PROC_CONTROLS2, l1_get(VMCS_PROC_CONTROLS2) | PROC2_VMCS_SHADOWING | PROC2_ENABLE_VMFUNC);
    l1_set(VMCS_VMREAD_BITMAP, READ_BITMAP);
    l1_set(VMCS_VMWRITE_BITMAP, WRITE_BITMAP);
    l1_set(VMCS_VMCS_LINK_POINTER, LINKED);
    l1_set(VMCS_VM_FUNCTION_CONTROL, 1);
    l1_set(VMCS_EPTP_LIST_ADDR, EPTP_LIST);
    ((uint64_t *)world_at(EPTP_LIST))[1] = 0x50001e;
    ((uint8_t *)world_at(MSR_BITMAP))[0x480 / 8] = 0;
    l1_set(VMCS_PROC_CONTROLS, l1_get(VMCS_PROC_CONTROLS) | controls);
    l1_launch();
}

static const struct { enum exit_reason reason; uint64_t rax, rcx, information; } insns[] = {
    { EXIT_VMFUNC, 0, 1, 0 }, { EXIT_VMWRITE, 0, 0, REGISTERS }, { EXIT_VMREAD, 0, 0, REGISTERS }, { EXIT_VMREAD, 0, 0, (REGISTERS & ~0x78u) | GPR_RSP << 3 },
    { EXIT_RDMSR, 0, 0x480, 0 },
};
#define INSNS (sizeof(insns) / sizeof(insns[0]))

// What L2 is entered with behind that instruction.
static uint64_t event_behind(unsigned insn)
{
    l2[VMCS_GUEST_RIP] = L2_RIP;
    l2[VMCS_EXIT_INSTRUCTION_LENGTH] = 3;
    l2[VMCS_EXIT_INSTRUCTION_INFO] = insns[insn].information;
    l2[VMCS_ENTRY_INTR_INFO] = 0;
    world_gpr[GPR_RAX] = insns[insn].rax;
    world_gpr[GPR_RCX] = insns[insn].rcx;
    world_gpr[GPR_RBX] = 0x1230;
    world_gpr[GPR_R9] = 0x6802;
    CHECK_EQ(l2_exit(insns[insn].reason), ENTERED_L2);
    CHECK_EQ(l2[VMCS_GUEST_RIP], L2_RIP + 3);
    return l2[VMCS_ENTRY_INTR_INFO];
}

TEST(an_exit_is_pending_behind_an_instruction_that_l0_does)
{
    launch(PROC_MONITOR_TRAP_FLAG);
    for (unsigned i = 0; i < INSNS; i++)
        CHECK_EQ(event_behind(i), MTF_PENDING);
    CHECK_EQ(l2[VMCS_GUEST_RSP], 0x1230);
    // Which is L1's.
    l2[VMCS_ENTRY_INTR_INFO] = 0;
    CHECK_EQ(l2_exit(EXIT_MONITOR_TRAP), ENTERED_L1);
    CHECK_EQ(l1_get(VMCS_EXIT_REASON), EXIT_MONITOR_TRAP);
    CHECK_EQ(l1_get(VMCS_GUEST_RIP), L2_RIP + 3);
}

TEST(none_is_without_the_control)
{
    launch(0);
    for (unsigned i = 0; i < INSNS; i++)
        CHECK_EQ(event_behind(i), 0);
}

// An exit of its own, and a fault, whose handler comes first.
TEST(none_is_where_the_instruction_is_not_done)
{
    launch(PROC_MONITOR_TRAP_FLAG);
    l2[VMCS_GUEST_SS_ACCESS_RIGHTS] |= 3 << 5;
    l2[VMCS_EXIT_INSTRUCTION_INFO] = REGISTERS;
    world_gpr[GPR_R9] = 0x6802;
    CHECK_EQ(l2_exit(EXIT_VMREAD), ENTERED_L2);
    CHECK_EQ(l2[VMCS_ENTRY_INTR_INFO], 0x80000b0d);
    l2[VMCS_ENTRY_INTR_INFO] = 0;
    world_gpr[GPR_RAX] = 1;
    CHECK_EQ(l2_exit(EXIT_VMFUNC), ENTERED_L1);
    CHECK_EQ(l2[VMCS_ENTRY_INTR_INFO], 0);
}

TEST(it_is_told_once_where_a_message_is_cut_short)
{
    for (uint32_t cut = 1; cut < 8; cut++) {
        launch(PROC_MONITOR_TRAP_FLAG);
        world_cut = cut;
        CHECK_EQ(event_behind(0), MTF_PENDING);
        world_cut = 0;
        l2[VMCS_ENTRY_INTR_INFO] = 0;
        CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
        CHECK_EQ(l1_execute(EXIT_VMXOFF), SUCCEEDED);
    }
}
