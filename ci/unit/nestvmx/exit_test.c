// SPDX-License-Identifier: BSD-2-Clause
// Exits of L2: to L1 (201) or resolved (202).
#include <string.h>

#include "l1.h"

static uint64_t *const vmcs01 = world_vmcs[VMCS_HANDLE_01];
static uint64_t *const shadow = world_vmcs[VMCS_HANDLE_SHADOW];

static void run_l2(void)
{
    l1_start_with_vmcs();
    l1_fill_vmcs();
    l1_launch();
}

TEST(an_exit_loads_the_host_state)
{
    run_l2();
    vmcs01[VMCS_GUEST_LDTR_SELECTOR] = 0x48;
    CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
    CHECK_EQ(vmcs01[VMCS_GUEST_RIP], 0xffffffff81000000);
    CHECK_EQ(vmcs01[VMCS_GUEST_RSP], 0x9990);
    CHECK_EQ(vmcs01[VMCS_GUEST_RFLAGS], 2);
    CHECK_EQ(vmcs01[VMCS_GUEST_CR0], 0x80050033);
    CHECK_EQ(vmcs01[VMCS_GUEST_CR3], 0x10000);
    CHECK_EQ(vmcs01[VMCS_GUEST_CR4], 0x2020);
    CHECK_EQ(vmcs01[VMCS_GUEST_CS_SELECTOR], 0x10);
    CHECK_EQ(vmcs01[VMCS_GUEST_CS_ACCESS_RIGHTS], 0xa09b);
    CHECK_EQ(vmcs01[VMCS_GUEST_SS_ACCESS_RIGHTS], 0xc093);
    CHECK_EQ(vmcs01[VMCS_GUEST_DS_ACCESS_RIGHTS], 0x10000);
    CHECK_EQ(vmcs01[VMCS_GUEST_GS_BASE], 0xffff888000000000);
    CHECK_EQ(vmcs01[VMCS_GUEST_FS_BASE], 0xf5);
    CHECK_EQ(vmcs01[VMCS_GUEST_TR_SELECTOR], 0x40);
    CHECK_EQ(vmcs01[VMCS_GUEST_TR_BASE], 0x1234000);
    CHECK_EQ(vmcs01[VMCS_GUEST_TR_LIMIT], 0x67);
    CHECK_EQ(vmcs01[VMCS_GUEST_TR_ACCESS_RIGHTS], 0x8b);
    CHECK_EQ(vmcs01[VMCS_GUEST_LDTR_SELECTOR], 0);
    CHECK_EQ(vmcs01[VMCS_GUEST_LDTR_ACCESS_RIGHTS], 0x10000);
    CHECK_EQ(vmcs01[VMCS_GUEST_GDTR_BASE], 0x5000);
    CHECK_EQ(vmcs01[VMCS_GUEST_IDTR_BASE], 0x6000);
    CHECK_EQ(vmcs01[VMCS_GUEST_GDTR_LIMIT], 0xffff);
    CHECK_EQ(vmcs01[VMCS_GUEST_SYSENTER_ESP], 0x7777);
    CHECK_EQ(vmcs01[VMCS_GUEST_DR7], 0x400);
    CHECK_EQ(vmcs01[VMCS_GUEST_DEBUGCTL], 0);
    CHECK_EQ(vmcs01[VMCS_GUEST_EFER], 0xd01);
    CHECK_EQ(vmcs01[VMCS_GUEST_PAT], 0x0007040600070406);
    CHECK_EQ(vmcs01[VMCS_GUEST_INTERRUPTIBILITY], 0);
}

TEST(an_exit_without_vpids_ends_l1s_translations)
{
    run_l2();
    CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
    CHECK_EQ(world_count(OP_L1_FLUSH), 0);
    l1_set(VMCS_PROC_CONTROLS2, l1_get(VMCS_PROC_CONTROLS2) & ~(uint64_t)PROC2_ENABLE_VPID);
    CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L2);
    CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
    CHECK_EQ(world_count(OP_L1_FLUSH), 1);
}

TEST(changed_host_fields_are_used_next_time)
{
    run_l2();
    CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
    l1_set(VMCS_HOST_RSP, 0xabc0);
    CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L2);
    CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
    CHECK_EQ(vmcs01[VMCS_GUEST_RSP], 0xabc0);
}

TEST(exit_information_reaches_l1)
{
    run_l2();
    l2[VMCS_GUEST_RIP] = 0x4321;
    l2[VMCS_EXIT_INSTRUCTION_LENGTH] = 3;
    l2[VMCS_EXIT_QUALIFICATION] = 0x1234;
    l2[VMCS_EXIT_INTR_INFO] = 0x80000b0e;
    l2[VMCS_EXIT_INTR_ERROR] = 6;
    l2[VMCS_IDT_VECTORING_INFO] = 0x80000b0d;
    l2[VMCS_IDT_VECTORING_ERROR] = 0x10;
    l2[VMCS_GUEST_INTERRUPTIBILITY] = 1;
    world_vmcs[VMCS_HANDLE_02][VMCS_EXCEPTION_BITMAP] = 0;
    CHECK_EQ(l2_exit(EXIT_TASK_SWITCH), ENTERED_L1);
    CHECK_EQ(shadow[VMCS_EXIT_REASON], 9);
    CHECK_EQ(shadow[VMCS_EXIT_QUALIFICATION], 0x1234);
    CHECK_EQ(shadow[VMCS_EXIT_INSTRUCTION_LENGTH], 3);
    CHECK_EQ(shadow[VMCS_IDT_VECTORING_INFO], 0x80000b0d);
    CHECK_EQ(shadow[VMCS_IDT_VECTORING_ERROR], 0x10);
    CHECK_EQ(shadow[VMCS_EXIT_INTR_INFO], 0);
    CHECK_EQ(shadow[VMCS_GUEST_RIP], 0x4321);
    CHECK_EQ(shadow[VMCS_GUEST_INTERRUPTIBILITY], 1);
}

// What executes an instruction is active; only an event finds a CPU in another state.
TEST(the_activity_state_is_saved)
{
    run_l2();
    l2[VMCS_GUEST_ACTIVITY_STATE] = 1;
    CHECK_EQ(l2_exit(EXIT_EXTERNAL_INTERRUPT), ENTERED_L1);
    CHECK_EQ(shadow[VMCS_GUEST_ACTIVITY_STATE], 1);
    CHECK_EQ(l1_get(VMCS_GUEST_ACTIVITY_STATE), 1);
    // It goes on in it; L1 ends it.
    CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L2);
    CHECK_EQ(l2[VMCS_GUEST_ACTIVITY_STATE], 1);
    CHECK_EQ(l2_exit(EXIT_INIT), ENTERED_L1);
    l1_set(VMCS_GUEST_ACTIVITY_STATE, 0);
    CHECK_EQ(shadow[VMCS_GUEST_ACTIVITY_STATE], 0);
    CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L2);
    CHECK_EQ(l2[VMCS_GUEST_ACTIVITY_STATE], 0);
    l2[VMCS_GUEST_ACTIVITY_STATE] = 1;
    CHECK_EQ(l2_exit(EXIT_EXTERNAL_INTERRUPT), ENTERED_L1);
    CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L2);
    l2[VMCS_GUEST_ACTIVITY_STATE] = 0;
    CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
    CHECK_EQ(shadow[VMCS_GUEST_ACTIVITY_STATE], 0);
    CHECK_EQ(l1_get(VMCS_GUEST_ACTIVITY_STATE), 0);
}

TEST(the_injected_event_is_no_longer_valid)
{
    run_l2();
    CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
    shadow[VMCS_ENTRY_INTR_INFO] = 0x80000020;
    CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L2);
    CHECK_EQ(l2[VMCS_ENTRY_INTR_INFO], 0x80000020);
    l2[VMCS_ENTRY_INTR_INFO] = 0x20;  // what the CPU does
    CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
    CHECK_EQ(shadow[VMCS_ENTRY_INTR_INFO], 0x20);
    // The same event again.
    shadow[VMCS_ENTRY_INTR_INFO] = 0x80000020;
    CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L2);
    CHECK_EQ(l2[VMCS_ENTRY_INTR_INFO], 0x80000020);
}

TEST(guest_state_is_fetched_when_l1_reads_it)
{
    run_l2();
    l2[VMCS_GUEST_CR3] = 0xabc000;
    l2[VMCS_GUEST_FS_BASE] = 0xf5f5;
    CHECK_EQ(l2_exit(EXIT_HLT), ENTERED_L1);
    CHECK_EQ(l1_get(VMCS_GUEST_CR3), 0xabc000);
    CHECK_EQ(l1_get(VMCS_GUEST_FS_BASE), 0xf5f5);
    // A write keeps the rest of its group.
    l1_set(VMCS_GUEST_GS_BASE, 0x6565);
    CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L2);
    CHECK_EQ(l2[VMCS_GUEST_FS_BASE], 0xf5f5);
    CHECK_EQ(l2[VMCS_GUEST_GS_BASE], 0x6565);
}

TEST(guest_state_survives_vmclear)
{
    run_l2();
    for (unsigned field = 0; field < VMCS_FIELD_COUNT; field++) {
        if (encoding_class(vmcs_field_info[field].encoding) == CLASS_GUEST)
            l2[field] = (0x1111111111111111ull * field) & width_mask(encoding_width(vmcs_field_info[field].encoding));
    }
    CHECK_EQ(l2_exit(EXIT_INIT), ENTERED_L1);
    CHECK_EQ(l1_with_address(EXIT_VMCLEAR, VMCS_PAGE), SUCCEEDED);
    memset(l2, 0xcc, sizeof(world_vmcs[0]));
    CHECK_EQ(l1_with_address(EXIT_VMPTRLD, VMCS_PAGE), SUCCEEDED);
    static const uint64_t not_saved = GROUP_EFER | GROUP_PAT | GROUP_TIMER | GROUP_VIRT_INTR | GROUP_LINK | GROUP_PERF | GROUP_BNDCFGS |
                                      GROUP_SMM | GROUP_PML;
    for (unsigned field = 0; field < VMCS_FIELD_COUNT; field++) {
        if (encoding_class(vmcs_field_info[field].encoding) != CLASS_GUEST || ((not_saved >> vmcs_field_info[field].group) & 1))
            continue;
        CHECK_EQ(l1_get((enum vmcs_field)field), (0x1111111111111111ull * field) & width_mask(encoding_width(vmcs_field_info[field].encoding)));
    }
    CHECK_EQ(l1_get(VMCS_GUEST_PAT), 0x0606060606060606);
}

TEST(what_is_not_saved_is_loaded_again)
{
    run_l2();
    l2[VMCS_GUEST_EFER] = 0xd00;
    memset(world_at(MSR_BITMAP), 0, 0x1000);
    CHECK_EQ(l2_exit(EXIT_HLT), ENTERED_L1);
    CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L2);
    l2[VMCS_GUEST_EFER] = 0xd00;
    l2[VMCS_GUEST_PAT] = 6;
    CHECK_EQ(l2_exit(EXIT_HLT), ENTERED_L1);
    CHECK_EQ(l1_get(VMCS_GUEST_EFER), 0xd01);
    CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L2);
    CHECK_EQ(l2[VMCS_GUEST_EFER], 0xd01);
    CHECK_EQ(l2[VMCS_GUEST_PAT], 0x0606060606060606);
}

TEST(debug_registers_that_are_not_saved)
{
    l1_start_with_vmcs();
    l1_fill_vmcs();
    l1_set(VMCS_EXIT_CONTROLS, l1_get(VMCS_EXIT_CONTROLS) & ~(uint64_t)EXIT_SAVE_DEBUG_CONTROLS);
    l1_set(VMCS_GUEST_DR7, 0x500);
    l1_launch();
    CHECK_EQ(l2[VMCS_GUEST_DR7], 0x500);
    l2[VMCS_GUEST_DR7] = 0x600;
    l2[VMCS_GUEST_PENDING_DEBUG] = 0x4000;
    CHECK_EQ(l2_exit(EXIT_HLT), ENTERED_L1);
    CHECK_EQ(l1_get(VMCS_GUEST_DR7), 0x500);
    CHECK_EQ(l1_get(VMCS_GUEST_PENDING_DEBUG), 0x4000);
    CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L2);
    CHECK_EQ(l2[VMCS_GUEST_DR7], 0x500);
    CHECK_EQ(l2[VMCS_GUEST_PENDING_DEBUG], 0x4000);
}

TEST(an_entry_failure_leaves_the_guest_state)
{
    run_l2();
    l2[VMCS_GUEST_RIP] = 0x9999;
    l2[VMCS_EXIT_QUALIFICATION] = 3;
    CHECK_EQ(l2_exit((enum exit_reason)(EXIT_ENTRY_GUEST_STATE | EXIT_REASON_FAILED)), ENTERED_L1);
    CHECK_EQ(shadow[VMCS_EXIT_REASON], 0x80000021);
    CHECK_EQ(world_count(OP_VMCS_CLEAR), 1);  // a VMLAUNCH is to follow
    CHECK_EQ(shadow[VMCS_EXIT_QUALIFICATION], 3);
    CHECK_EQ(shadow[VMCS_GUEST_RIP], 0x12340);
    CHECK_EQ(vmcs01[VMCS_GUEST_RIP], 0xffffffff81000000);
    CHECK_EQ(l1_execute(EXIT_VMRESUME), FAILED_VALID);  // the launch state stays clear
    CHECK_EQ(l1_execute(EXIT_VMLAUNCH), ENTERED_L2);
}

TEST(a_bad_link_pointer_is_an_entry_failure)
{
    l1_start_with_vmcs();
    l1_fill_vmcs();
    l1_set(VMCS_VMCS_LINK_POINTER, 0x5000);
    CHECK_EQ(l1_execute(EXIT_VMLAUNCH), ENTERED_L1);
    CHECK_EQ(shadow[VMCS_EXIT_REASON], 0x80000021);
    CHECK_EQ(shadow[VMCS_EXIT_QUALIFICATION], 4);
    CHECK_EQ(vmcs01[VMCS_GUEST_RIP], 0xffffffff81000000);
    l1_set(VMCS_VMCS_LINK_POINTER, ~0ull);
    CHECK_EQ(l1_execute(EXIT_VMLAUNCH), ENTERED_L2);
}

TEST(ept_violations_come_as_ept_says)
{
    const uint64_t args[MSG_ARGS] = { EXIT_EPT_MISCONFIG, 0x0, 0x1234, 0x5000 };
    run_l2();
    l2[VMCS_GUEST_PHYSICAL_ADDR] = 0x5000;
    l2[VMCS_EXIT_QUALIFICATION] = 0x181;
    const struct reply *rep = world_exit(ORIGIN_L2, EXIT_EPT_VIOLATION, args);
    CHECK_EQ(rep->verdict, VERDICT_L1);
    CHECK_EQ(shadow[VMCS_EXIT_REASON], EXIT_EPT_MISCONFIG);
    CHECK_EQ(shadow[VMCS_EXIT_QUALIFICATION], 0);
    CHECK_EQ(shadow[VMCS_GUEST_PHYSICAL_ADDR], 0x5000);
}

static void exception(uint32_t info, uint32_t error)
{
    l2[VMCS_EXIT_INTR_INFO] = info;
    l2[VMCS_EXIT_INTR_ERROR] = error;
    l2[VMCS_IDT_VECTORING_INFO] = 0;
    l2[VMCS_ENTRY_INTR_INFO] = 0;
}

TEST(exceptions_by_the_bitmap)
{
    l1_start_with_vmcs();
    l1_fill_vmcs();
    l1_set(VMCS_EXCEPTION_BITMAP, 1u << 6 | 1u << 14);
    l1_set(VMCS_PF_ERROR_MASK, 1);
    l1_set(VMCS_PF_ERROR_MATCH, 1);
    l1_launch();
    exception(0x80000300 | 6, 0);
    CHECK_EQ(l2_exit(EXIT_EXCEPTION_OR_NMI), ENTERED_L1);
    CHECK_EQ(shadow[VMCS_EXIT_INTR_INFO], 0x80000306);
    CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L2);
    exception(0x80000b00 | 14, 1);
    CHECK_EQ(l2_exit(EXIT_EXCEPTION_OR_NMI), ENTERED_L1);
    CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L2);
    exception(0x80000b00 | 14, 2);
    CHECK_EQ(l2_exit(EXIT_EXCEPTION_OR_NMI), ENTERED_L2);
    CHECK_EQ(l2[VMCS_ENTRY_INTR_INFO], 0x80000b0e);
    CHECK_EQ(l2[VMCS_ENTRY_EXCEPTION_ERROR], 2);
    exception(0x80000b00 | 13, 0);
    CHECK_EQ(l2_exit(EXIT_EXCEPTION_OR_NMI), ENTERED_L2);
}

TEST(nmis_go_to_l1_where_it_wants_them)
{
    run_l2();
    exception(0x80000202, 0);
    CHECK_EQ(l2_exit(EXIT_EXCEPTION_OR_NMI), ENTERED_L1);
    CHECK_EQ(shadow[VMCS_EXIT_INTR_INFO], 0x80000202);
    CHECK_EQ(vmcs01[VMCS_GUEST_INTERRUPTIBILITY], 8);
}

static void run_without_nmi_exiting(void)
{
    l1_start_with_vmcs();
    l1_fill_vmcs();
    l1_set(VMCS_PIN_CONTROLS, 0x16);
    l1_launch();
}

TEST(nmis_go_to_l2_where_l1_leaves_them)
{
    run_without_nmi_exiting();
    exception(0x80000202, 0);
    CHECK_EQ(l2_exit(EXIT_EXCEPTION_OR_NMI), ENTERED_L2);
    CHECK_EQ(l2[VMCS_ENTRY_INTR_INFO], 0x80000202);
}

TEST(a_blocked_l2_gets_its_nmi_when_the_window_opens)
{
    static const uint64_t by[] = { 1, 2, 8 };  // STI, with which a CPU may refuse an NMI that is injected (SDM 3C 27.3.1.5); MOV SS; NMI
    run_without_nmi_exiting();
    for (unsigned i = 0; i < 3; i++) {
        exception(0x80000202, 0);
        l2[VMCS_GUEST_INTERRUPTIBILITY] = by[i];
        CHECK_EQ(l2_exit(EXIT_EXCEPTION_OR_NMI), ENTERED_L2);
        CHECK_EQ(l2[VMCS_ENTRY_INTR_INFO], 0);
        CHECK(l2[VMCS_PROC_CONTROLS] & PROC_NMI_WINDOW_EXITING);
        l2[VMCS_GUEST_INTERRUPTIBILITY] = 0;
        CHECK_EQ(l2_exit(EXIT_NMI_WINDOW), ENTERED_L2);
        CHECK_EQ(l2[VMCS_ENTRY_INTR_INFO], 0x80000202);
        CHECK(!(l2[VMCS_PROC_CONTROLS] & PROC_NMI_WINDOW_EXITING));
        l2[VMCS_ENTRY_INTR_INFO] = 0;
    }
}

TEST(a_waiting_nmi_is_l1s_when_l1_goes_on)
{
    run_without_nmi_exiting();
    exception(0x80000202, 0);
    l2[VMCS_GUEST_INTERRUPTIBILITY] = 2;  // MOV SS
    CHECK_EQ(l2_exit(EXIT_EXCEPTION_OR_NMI), ENTERED_L2);
    l2[VMCS_GUEST_INTERRUPTIBILITY] = 0;
    CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
    CHECK_EQ(world_last(OP_L1_NMI)->a, 1);
    CHECK_EQ(vmcs01[VMCS_ENTRY_INTR_INFO], 0);
    CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L2);
    CHECK(!(l2[VMCS_PROC_CONTROLS] & PROC_NMI_WINDOW_EXITING));
}

// NMIs are blocked for L1 as well after the exit: the kernel waits until it can give them.
TEST(an_nmi_that_l2_blocks_is_l1s_after_the_exit)
{
    run_without_nmi_exiting();
    exception(0x80000202, 0);
    l2[VMCS_GUEST_INTERRUPTIBILITY] = 8;
    CHECK_EQ(l2_exit(EXIT_EXCEPTION_OR_NMI), ENTERED_L2);
    CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
    CHECK_EQ(vmcs01[VMCS_GUEST_INTERRUPTIBILITY], 8);
    CHECK_EQ(vmcs01[VMCS_ENTRY_INTR_INFO], 0);
    CHECK_EQ(world_last(OP_L1_NMI)->a, 1);
    CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L2);
    CHECK(!(l2[VMCS_PROC_CONTROLS] & PROC_NMI_WINDOW_EXITING));
}

// With NMI exiting and without virtual NMIs blocking is the CPU's own: it keeps NMIs away, whatever L2 does, and VMCS02 has none of it.
TEST(real_blocking_keeps_nmi_exits_away)
{
    l1_start_with_vmcs();
    l1_fill_vmcs();
    l1_set(VMCS_PIN_CONTROLS, 0x16 | PIN_NMI_EXITING);
    l1_set(VMCS_GUEST_INTERRUPTIBILITY, 8);
    l1_launch();
    CHECK_EQ(l2[VMCS_GUEST_INTERRUPTIBILITY], 0);
    exception(0x80000202, 0);
    CHECK_EQ(l2_exit(EXIT_EXCEPTION_OR_NMI), ENTERED_L2);
    CHECK_EQ(l2[VMCS_ENTRY_INTR_INFO], 0);
    CHECK(!(l2[VMCS_PROC_CONTROLS] & PROC_NMI_WINDOW_EXITING));
    CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
    CHECK_EQ(world_last(OP_L1_NMI)->a, 1);
    CHECK_EQ(l1_get(VMCS_GUEST_INTERRUPTIBILITY), 8);
    CHECK_EQ(vmcs01[VMCS_GUEST_INTERRUPTIBILITY], 8);
    // Without it the next one exits, and what VMCS02 blocks virtually meanwhile is nothing to L1.
    l1_set(VMCS_GUEST_INTERRUPTIBILITY, 0);
    CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L2);
    l2[VMCS_GUEST_INTERRUPTIBILITY] = 8;
    exception(0x80000202, 0);
    CHECK_EQ(l2_exit(EXIT_EXCEPTION_OR_NMI), ENTERED_L1);
    CHECK_EQ(l1_get(VMCS_GUEST_INTERRUPTIBILITY), 0);
}

// MSRs that only L0 intercepts are the kernel's.
TEST(msr_exits_by_the_bitmap)
{
    uint8_t *bitmap;
    l1_start_with_vmcs();
    l1_fill_vmcs();
    bitmap = world_at(MSR_BITMAP);
    memset(bitmap, 0, 0x1000);
    bitmap[0x10 / 8] = 1;                 // reads of 0x10
    bitmap[3072 + 0x82 / 8] = 1 << 2;     // writes of 0xc0000082
    l1_launch();
    static const struct { uint32_t msr; bool write, l1; } access[] = {
        { 0x10, false, true }, { 0x10, true, false }, { 0xc0000082, false, false }, { 0xc0000082, true, true },
        { 0x1fff, false, false }, { 0x2000, false, true }, { 0xc0001fff, true, false }, { 0xc0002000, true, true },
        { 0x40000000, false, true },
    };
    for (unsigned i = 0; i < sizeof(access) / sizeof(access[0]); i++) {
        world_gpr[GPR_RCX] = access[i].msr;
        const struct reply *rep = world_exit(ORIGIN_L2, access[i].write ? EXIT_WRMSR : EXIT_RDMSR, NULL);
        CHECK_EQ(rep->verdict, access[i].l1 ? VERDICT_L1 : VERDICT_FORWARD);
        if (access[i].l1)
            CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L2);
    }
}

TEST(control_register_accesses)
{
    l1_start_with_vmcs();
    l1_fill_vmcs();
    l1_set(VMCS_PROC_CONTROLS, l1_get(VMCS_PROC_CONTROLS) | PROC_CR3_LOAD_EXITING);
    l1_set(VMCS_CR0_GUEST_HOST_MASK, 0x80000009);
    l1_set(VMCS_CR0_READ_SHADOW, 0x80000001);
    l1_set(VMCS_CR4_GUEST_HOST_MASK, 0x2000);
    l1_set(VMCS_CR3_TARGET_COUNT, 2);
    l1_set(VMCS_CR3_TARGET1, 0x8000);
    l1_launch();
    static const struct { uint64_t qualification, value; bool l1; } access[] = {
        { 0x000, 0x80000001, false }, { 0x000, 0x00000001, true }, { 0x000, 0x80000009, true }, { 0x000, 0x80000031, false },
        { 0x003, 0x8000, false },     { 0x003, 0x0, false },       { 0x003, 0x9000, true },     { 0x013, 0, false },
        { 0x004, 0x2000, true },      { 0x004, 0x20, false },      { 0x008, 0, false },         { 0x018, 0, false },
        { 0x020, 0, false },          { 0x00080030, 0, true },     { 0x00010030, 0, false },
    };
    for (unsigned i = 0; i < sizeof(access) / sizeof(access[0]); i++) {
        l2[VMCS_EXIT_QUALIFICATION] = access[i].qualification;
        world_gpr[GPR_RAX] = access[i].value;
        const struct reply *rep = world_exit(ORIGIN_L2, EXIT_CR_ACCESS, NULL);
        CHECK_EQ(rep->verdict, access[i].l1 ? VERDICT_L1 : VERDICT_FORWARD);
        if (access[i].l1)
            CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L2);
    }
}

// Every exit that has a control belongs to L1 exactly if the control is set.
TEST(exits_by_control)
{
    static const struct { enum exit_reason reason; enum vmcs_field field; uint32_t bit; } by[] = {
        { EXIT_EXTERNAL_INTERRUPT, VMCS_PIN_CONTROLS, 0 }, { EXIT_PREEMPTION_TIMER, VMCS_PIN_CONTROLS, 6 },
        { EXIT_INTERRUPT_WINDOW, VMCS_PROC_CONTROLS, 2 },  { EXIT_HLT, VMCS_PROC_CONTROLS, 7 },
        { EXIT_INVLPG, VMCS_PROC_CONTROLS, 9 },            { EXIT_MWAIT, VMCS_PROC_CONTROLS, 10 },
        { EXIT_RDPMC, VMCS_PROC_CONTROLS, 11 },            { EXIT_RDTSC, VMCS_PROC_CONTROLS, 12 },
        { EXIT_RDTSCP, VMCS_PROC_CONTROLS, 12 },           { EXIT_NMI_WINDOW, VMCS_PROC_CONTROLS, 22 },
        { EXIT_DR_ACCESS, VMCS_PROC_CONTROLS, 23 },        { EXIT_MONITOR, VMCS_PROC_CONTROLS, 29 },
        { EXIT_PAUSE, VMCS_PROC_CONTROLS, 30 },            { EXIT_GDTR_IDTR, VMCS_PROC_CONTROLS2, 2 },
        { EXIT_LDTR_TR, VMCS_PROC_CONTROLS2, 2 },          { EXIT_WBINVD, VMCS_PROC_CONTROLS2, 6 },
        { EXIT_RDRAND, VMCS_PROC_CONTROLS2, 11 },          { EXIT_RDSEED, VMCS_PROC_CONTROLS2, 16 },
        { EXIT_INVPCID, VMCS_PROC_CONTROLS, 9 },
    };
    run_l2();
    CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
    for (unsigned i = 0; i < sizeof(by) / sizeof(by[0]); i++) {
        for (unsigned set = 0; set < 2; set++) {
            const uint64_t others = l1_get(by[i].field) & ~(1ull << by[i].bit);
            l1_set(by[i].field, others | (uint64_t)set << by[i].bit);
            CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L2);
            const struct reply *rep = world_exit(ORIGIN_L2, by[i].reason, NULL);
            CHECK_EQ(rep->verdict, set ? VERDICT_L1 : VERDICT_FORWARD);
            if (!set)
                CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
        }
    }
}

TEST(what_always_exits_is_always_l1s)
{
    static const enum exit_reason always[] = { EXIT_TRIPLE_FAULT, EXIT_INIT, EXIT_SIPI, EXIT_CPUID, EXIT_GETSEC, EXIT_INVD, EXIT_VMCALL,
        EXIT_VMCLEAR, EXIT_VMLAUNCH, EXIT_VMPTRLD, EXIT_VMPTRST, EXIT_VMREAD, EXIT_VMRESUME, EXIT_VMWRITE, EXIT_VMXOFF, EXIT_VMXON,
        EXIT_INVEPT, EXIT_INVVPID, EXIT_XSETBV, EXIT_MONITOR_TRAP };
    run_l2();
    CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
    for (unsigned i = 0; i < sizeof(always) / sizeof(always[0]); i++) {
        CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L2);
        CHECK_EQ(l2_exit(always[i]), ENTERED_L1);
        CHECK_EQ(shadow[VMCS_EXIT_REASON], always[i]);
    }
}

TEST(a_killed_message_is_a_triple_fault)
{
    run_l2();
    l2[VMCS_GUEST_RIP] = 0x777;
    const struct reply *rep = world_message(MSG_KILL, ORIGIN_L2, NULL);
    CHECK_EQ(rep->verdict, VERDICT_L1);
    CHECK_EQ(shadow[VMCS_EXIT_REASON], EXIT_TRIPLE_FAULT);
    CHECK_EQ(shadow[VMCS_GUEST_RIP], 0x777);
    CHECK_EQ(vmcs01[VMCS_GUEST_RIP], 0xffffffff81000000);
}

// The interrupt is acknowledged: L1 must get it, or its local APIC waits for ever for the end of it.
TEST(a_killed_interrupt_is_l1s_before_l2_ends)
{
    run_l2();
    l2[VMCS_EXIT_REASON] = EXIT_EXTERNAL_INTERRUPT;
    l2[VMCS_EXIT_INTR_INFO] = 0x800000ec;
    const struct reply *rep = world_message(MSG_KILL, ORIGIN_L2, NULL);
    CHECK_EQ(rep->verdict, VERDICT_L1);
    CHECK_EQ(shadow[VMCS_EXIT_REASON], EXIT_EXTERNAL_INTERRUPT);
    CHECK_EQ(shadow[VMCS_EXIT_INTR_INFO], 0x800000ec);
    shadow[VMCS_ENTRY_INTR_INFO] = 0x80000020;
    CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L1);
    CHECK_EQ(shadow[VMCS_EXIT_REASON], EXIT_TRIPLE_FAULT);
    CHECK_EQ(shadow[VMCS_EXIT_INTR_INFO], 0);
    CHECK_EQ(shadow[VMCS_ENTRY_INTR_INFO], 0x20);
    CHECK_EQ(vmcs01[VMCS_GUEST_RIP], 0xffffffff81000000);
    CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L2);
}
