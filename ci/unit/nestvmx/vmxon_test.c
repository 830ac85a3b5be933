// SPDX-License-Identifier: BSD-2-Clause
// VMXON, VMXOFF, VMCLEAR, VMPTRLD, VMPTRST.
#include <string.h>

#include "l1.h"

static uint64_t *const vmcs01 = world_vmcs[VMCS_HANDLE_01];

static void ready(void)
{
    l1_start();
    l1_set_region(VMXON_PAGE, REVISION);
}

TEST(vmxon_enters_vmx_operation)
{
    ready();
    CHECK_EQ(l1_with_address(EXIT_VMXON, VMXON_PAGE), SUCCEEDED);
    CHECK_EQ(world_last(OP_L1_VMX)->a, 1);
    CHECK_EQ(l1_with_address(EXIT_VMXON, VMXON_PAGE), FAILED_INVALID);  // no current VMCS to hold error 15
}

TEST(vmxon_again_is_error_15)
{
    l1_start_with_vmcs();
    CHECK_EQ(l1_with_address(EXIT_VMXON, VMXON_PAGE), FAILED_VALID);
    CHECK_EQ(l1_error(), 15);
    vmcs01[VMCS_GUEST_SS_ACCESS_RIGHTS] = 0xc0f3;
    CHECK_EQ(l1_with_address(EXIT_VMXON, VMXON_PAGE), FAULT_GP);
}

TEST(vmxon_needs_cr4_vmxe)
{
    ready();
    vmcs01[VMCS_CR4_READ_SHADOW] = 0;
    CHECK_EQ(l1_with_address(EXIT_VMXON, VMXON_PAGE), FAULT_UD);
}

TEST(vmxon_needs_privilege_numeric_errors_and_the_feature_control)
{
    ready();
    vmcs01[VMCS_GUEST_SS_ACCESS_RIGHTS] = 0xc0f3;
    CHECK_EQ(l1_with_address(EXIT_VMXON, VMXON_PAGE), FAULT_GP);
    vmcs01[VMCS_GUEST_SS_ACCESS_RIGHTS] = 0xc093;
    vmcs01[VMCS_CR0_READ_SHADOW] = 0;
    CHECK_EQ(l1_with_address(EXIT_VMXON, VMXON_PAGE), FAULT_GP);
    vmcs01[VMCS_CR0_READ_SHADOW] = 0x20;
    world_info.feature_control = 1;
    CHECK_EQ(l1_with_address(EXIT_VMXON, VMXON_PAGE), FAULT_GP);
    world_info.feature_control = 4;
    CHECK_EQ(l1_with_address(EXIT_VMXON, VMXON_PAGE), FAULT_GP);
    world_gpr[GPR_RCX] = 0x3a;
    world_gpr[GPR_RAX] = 5;
    world_gpr[GPR_RDX] = 0;
    CHECK_EQ(l1_execute(EXIT_WRMSR), SUCCEEDED);
    CHECK_EQ(l1_with_address(EXIT_VMXON, VMXON_PAGE), SUCCEEDED);
}

TEST(vmxon_region_is_checked)
{
    ready();
    CHECK_EQ(l1_with_address(EXIT_VMXON, VMXON_PAGE + 8), FAILED_INVALID);
    CHECK_EQ(l1_with_address(EXIT_VMXON, VMXON_PAGE | 1ull << 40), FAILED_INVALID);
    CHECK_EQ(l1_with_address(EXIT_VMXON, 1ull << 39), FAILED_INVALID);  // not mapped: revision all ones
    l1_set_region(VMXON_PAGE, REVISION | 1u << 31);
    CHECK_EQ(l1_with_address(EXIT_VMXON, VMXON_PAGE), FAILED_INVALID);
}

TEST(everything_is_ud_outside_vmx_operation)
{
    static const enum exit_reason insn[] = { EXIT_VMXOFF, EXIT_VMCLEAR, EXIT_VMPTRLD, EXIT_VMPTRST, EXIT_VMREAD, EXIT_VMWRITE, EXIT_VMLAUNCH,
                                             EXIT_VMRESUME, EXIT_INVEPT, EXIT_INVVPID, EXIT_VMCALL };
    ready();
    for (unsigned i = 0; i < sizeof(insn) / sizeof(insn[0]); i++)
        CHECK_EQ(l1_with_address(insn[i], VMCS_PAGE), FAULT_UD);
}

TEST(everything_is_gp_with_cpl_3)
{
    static const enum exit_reason insn[] = { EXIT_VMXOFF, EXIT_VMCLEAR, EXIT_VMPTRLD, EXIT_VMPTRST, EXIT_VMREAD, EXIT_VMWRITE, EXIT_VMLAUNCH,
                                             EXIT_VMRESUME, EXIT_INVEPT, EXIT_INVVPID, EXIT_VMCALL };
    l1_start_with_vmcs();
    vmcs01[VMCS_GUEST_SS_ACCESS_RIGHTS] = 0xc0f3;
    for (unsigned i = 0; i < sizeof(insn) / sizeof(insn[0]); i++)
        CHECK_EQ(l1_with_address(insn[i], VMCS_PAGE), FAULT_GP);
}

// A VMCALL whose message failed twice.
static enum outcome killed_vmcall(void)
{
    vmcs01[VMCS_EXIT_REASON] = EXIT_VMCALL;
    vmcs01[VMCS_GUEST_RIP] = L1_RIP;
    vmcs01[VMCS_EXIT_INSTRUCTION_LENGTH] = L1_LENGTH;
    CHECK_EQ(world_message(MSG_KILL, ORIGIN_L1, NULL)->verdict, VERDICT_L1);
    const uint64_t event = vmcs01[VMCS_ENTRY_INTR_INFO];
    vmcs01[VMCS_ENTRY_INTR_INFO] = 0;
    CHECK_EQ(vmcs01[VMCS_GUEST_RIP], event == 0 ? L1_RIP + L1_LENGTH : L1_RIP);
    switch (event) {
    case 0: return vmcs01[VMCS_GUEST_RFLAGS] & 0x40 ? FAILED_VALID : vmcs01[VMCS_GUEST_RFLAGS] & 1 ? FAILED_INVALID : SUCCEEDED;
    case 0x80000306: return FAULT_UD;
    case 0x80000b0d: return FAULT_GP;
    default: check_failed(__FILE__, __LINE__, "no such exception");
    }
}

// Numbers that nobody answers, in each mode that L1 may be in (SDM 3C 31.3 "VMCALL").
TEST(vmcall_of_l1)
{
    static const struct { uint64_t efer, cs, ss, rflags; enum outcome outcome; } row[] = {
        { 0xd01, 0xa09b, 0xc093, 2, FAILED_VALID },
        { 0xd01, 0xa0fb, 0xc0f3, 2, FAULT_GP },
        { 0xd01, 0xc09b, 0xc093, 2, FAULT_UD },          // compatibility mode
        { 0xd01, 0xc0fb, 0xc0f3, 2, FAULT_UD },
        { 0, 0xc09b, 0xc093, 2, FAILED_VALID },
        { 0, 0xc0fb, 0xc0f3, 2, FAULT_GP },
        { 0, 0xf3, 0xf3, 1 << 17 | 2, FAULT_UD },        // virtual-8086 mode
    };
    l1_start_with_vmcs();
    for (unsigned n = 0; n < 2 * sizeof(row) / sizeof(row[0]); n++) {
        const unsigned i = n / 2;
        CHECK_EQ(l1_with_address(EXIT_VMPTRLD, VMXON_PAGE), FAILED_VALID);
        CHECK_EQ(l1_error(), 10);
        vmcs01[VMCS_GUEST_EFER] = row[i].efer;
        vmcs01[VMCS_GUEST_CS_ACCESS_RIGHTS] = row[i].cs;
        vmcs01[VMCS_GUEST_SS_ACCESS_RIGHTS] = row[i].ss;
        vmcs01[VMCS_GUEST_RFLAGS] = row[i].rflags;
        CHECK_EQ(n % 2 ? killed_vmcall() : l1_execute(EXIT_VMCALL), row[i].outcome);
        l1_state();
        CHECK_EQ(l1_error(), row[i].outcome == FAILED_VALID ? 1 : 10);
    }
    CHECK_EQ(l1_with_address(EXIT_VMCLEAR, VMCS_PAGE), SUCCEEDED);
    CHECK_EQ(l1_execute(EXIT_VMCALL), FAILED_INVALID);
    CHECK_EQ(killed_vmcall(), FAILED_INVALID);
}

TEST(without_a_current_vmcs_vmfail_is_invalid)
{
    uint64_t value = 0;
    ready();
    CHECK_EQ(l1_with_address(EXIT_VMXON, VMXON_PAGE), SUCCEEDED);
    CHECK_EQ(l1_vmread(0x681e, &value), FAILED_INVALID);
    CHECK_EQ(l1_vmwrite(0x681e, 1), FAILED_INVALID);
    CHECK_EQ(l1_execute(EXIT_VMLAUNCH), FAILED_INVALID);
    CHECK_EQ(l1_with_address(EXIT_VMPTRLD, VMXON_PAGE), FAILED_INVALID);
}

TEST(vmclear_and_vmptrld_check_the_address)
{
    l1_start_with_vmcs();
    CHECK_EQ(l1_with_address(EXIT_VMCLEAR, VMCS_PAGE + 0x10), FAILED_VALID);
    CHECK_EQ(l1_error(), 2);
    CHECK_EQ(l1_with_address(EXIT_VMCLEAR, VMXON_PAGE), FAILED_VALID);
    CHECK_EQ(l1_error(), 3);
    CHECK_EQ(l1_with_address(EXIT_VMPTRLD, VMCS_PAGE | 1ull << 40), FAILED_VALID);
    CHECK_EQ(l1_error(), 9);
    CHECK_EQ(l1_with_address(EXIT_VMPTRLD, VMXON_PAGE), FAILED_VALID);
    CHECK_EQ(l1_error(), 10);
    l1_set_region(VMCS_PAGE + 0x1000, REVISION ^ 1);
    CHECK_EQ(l1_with_address(EXIT_VMPTRLD, VMCS_PAGE + 0x1000), FAILED_VALID);
    CHECK_EQ(l1_error(), 11);
}

TEST(vmptrst_says_which_is_current)
{
    uint64_t pointer = 0;
    l1_start_with_vmcs();
    CHECK_EQ(l1_with_address(EXIT_VMPTRST, 0), SUCCEEDED);
    memcpy(&pointer, world_at(OPERAND), 8);
    CHECK_EQ(pointer, VMCS_PAGE);
    CHECK_EQ(l1_with_address(EXIT_VMCLEAR, VMCS_PAGE), SUCCEEDED);
    CHECK_EQ(l1_with_address(EXIT_VMPTRST, 0), SUCCEEDED);
    memcpy(&pointer, world_at(OPERAND), 8);
    CHECK_EQ(pointer, ~0ull);
}

TEST(vmclear_writes_the_fields_to_memory_once)
{
    unsigned found = 0;
    l1_start_with_vmcs();
    l1_set(VMCS_GUEST_ES_LIMIT, 0xa69f1c74);
    CHECK_EQ(l1_with_address(EXIT_VMCLEAR, VMCS_PAGE), SUCCEEDED);
    for (unsigned offset = 8; offset < 4096 - 4; offset += 4) {
        uint32_t word = 0;
        memcpy(&word, world_at(VMCS_PAGE + offset), 4);
        found += word == 0xa69f1c74;
    }
    CHECK_EQ(found, 1);
    CHECK_EQ(l1_with_address(EXIT_VMPTRLD, VMCS_PAGE), SUCCEEDED);
    CHECK_EQ(l1_get(VMCS_GUEST_ES_LIMIT), 0xa69f1c74);
}

// Where the region is in memory that a field's value is.
static uint8_t *find_in_region(uint32_t value)
{
    for (unsigned offset = 8; offset < 4096; offset += 4)
        if (memcmp(world_at(VMCS_PAGE + offset), &value, 4) == 0)
            return world_at(VMCS_PAGE + offset);
    return NULL;
}

static void clear_and_load(void)
{
    CHECK_EQ(l1_with_address(EXIT_VMCLEAR, VMCS_PAGE), SUCCEEDED);
    CHECK_EQ(l1_with_address(EXIT_VMPTRLD, VMCS_PAGE), SUCCEEDED);
}

// Whatever changes a field has VMCLEAR write all of them; what nothing has changed is in memory already.
TEST(vmclear_writes_fields_that_have_changed)
{
    l1_start_with_vmcs();
    l1_fill_vmcs();
    l1_set(VMCS_GUEST_ES_LIMIT, 0xa69f1c74);
    clear_and_load();
    uint8_t *const place = find_in_region(0xa69f1c74);
    CHECK(place != NULL);
    *place ^= 1;  // undefined, but what a CPU keeps to itself it doesn't write
    CHECK_EQ(l1_with_address(EXIT_VMCLEAR, VMCS_PAGE), SUCCEEDED);
    CHECK(find_in_region(0xa69f1c75) == place);
    *place ^= 1;
    CHECK_EQ(l1_with_address(EXIT_VMPTRLD, VMCS_PAGE), SUCCEEDED);
    l1_set(VMCS_GUEST_ES_LIMIT, 0xa69f1c74);  // by VMWRITE, but nothing new
    CHECK_EQ(l1_with_address(EXIT_VMCLEAR, VMCS_PAGE), SUCCEEDED);
    CHECK_EQ(l1_with_address(EXIT_VMPTRLD, VMCS_PAGE), SUCCEEDED);
    l1_set(VMCS_GUEST_ES_LIMIT, 0x5eed1234);
    CHECK_EQ(l1_with_address(EXIT_VMCLEAR, VMCS_PAGE), SUCCEEDED);
    CHECK(find_in_region(0x5eed1234) == place);
    CHECK_EQ(l1_with_address(EXIT_VMPTRLD, VMCS_PAGE), SUCCEEDED);
    l1_launch();
    l2[VMCS_GUEST_ES_LIMIT] = 0x17e41234;     // by L2 itself
    CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
    CHECK_EQ(l1_with_address(EXIT_VMCLEAR, VMCS_PAGE), SUCCEEDED);
    CHECK(find_in_region(0x17e41234) == place);
    CHECK_EQ(l1_with_address(EXIT_VMPTRLD, VMCS_PAGE), SUCCEEDED);
    CHECK_EQ(l1_with_address(EXIT_VMPTRLD, VMCS_PAGE + 8), FAILED_VALID);  // the VM-instruction error, 9
    CHECK_EQ(l1_with_address(EXIT_VMCLEAR, VMCS_PAGE), SUCCEEDED);
    CHECK(find_in_region(0x17e41234) == place);
    CHECK_EQ(l1_with_address(EXIT_VMPTRLD, VMCS_PAGE), SUCCEEDED);
    CHECK_EQ(l1_error(), 9);
}

TEST(what_was_cleared_comes_back_with_its_vmcs02)
{
    l1_start_with_vmcs();
    l1_fill_vmcs();
    l1_launch();
    CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
    for (unsigned i = 0; i < 2; i++) {
        CHECK_EQ(l1_with_address(EXIT_VMCLEAR, VMCS_PAGE), SUCCEEDED);
        CHECK_EQ(l1_with_address(EXIT_VMPTRLD, VMCS_PAGE), SUCCEEDED);
    }
    CHECK_EQ(l1_execute(EXIT_VMRESUME), FAILED_VALID);
    CHECK_EQ(l1_error(), 5);
    l1_set(VMCS_GUEST_ES_LIMIT, 0x1234);
    l1_launch();
    CHECK_EQ(world_count(OP_VMCS_RESET), 1);
    CHECK_EQ(l2[VMCS_GUEST_ES_LIMIT], 0x1234);
    CHECK_EQ(l2[VMCS_GUEST_RIP], 0x12340);
}

TEST(what_l1_changes_after_vmclear_is_read_again)
{
    l1_start_with_vmcs();
    l1_fill_vmcs();
    l1_set(VMCS_GUEST_ES_LIMIT, 0xa69f1c74);
    l1_launch();
    CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
    CHECK_EQ(l1_with_address(EXIT_VMCLEAR, VMCS_PAGE), SUCCEEDED);
    for (unsigned offset = 8; offset < 4096 - 4; offset += 4) {
        uint32_t word = 0;
        memcpy(&word, world_at(VMCS_PAGE + offset), 4);
        if (word == 0xa69f1c74)
            memset(world_at(VMCS_PAGE + offset), 0x11, 8);
    }
    CHECK_EQ(l1_with_address(EXIT_VMPTRLD, VMCS_PAGE), SUCCEEDED);
    CHECK_EQ(l1_get(VMCS_GUEST_ES_LIMIT), 0x11111111);
    l1_launch();
    CHECK_EQ(l2[VMCS_GUEST_ES_LIMIT], 0x11111111);
    // And the region of another VMCS: what the copy was is gone.
    CHECK_EQ(l1_with_address(EXIT_VMCLEAR, VMCS_PAGE), SUCCEEDED);
    l1_set_region(VMCS_PAGE, REVISION + 1);
    CHECK_EQ(l1_with_address(EXIT_VMPTRLD, VMCS_PAGE), FAILED_INVALID);
}

TEST(vmxoff_ends_it)
{
    uint64_t value = 0;
    l1_start_with_vmcs();
    l1_set(VMCS_GUEST_CR3, 0x5000);
    CHECK_EQ(l1_execute(EXIT_VMXOFF), SUCCEEDED);
    CHECK_EQ(world_last(OP_L1_VMX)->a, 0);
    CHECK_EQ(world_last(OP_SHADOW)->a, 0);
    CHECK_EQ(l1_vmread(0x6802, &value), FAULT_UD);
    CHECK_EQ(l1_with_address(EXIT_VMXON, VMXON_PAGE), SUCCEEDED);
    CHECK_EQ(l1_vmread(0x6802, &value), FAILED_INVALID);
    CHECK_EQ(l1_with_address(EXIT_VMPTRLD, VMCS_PAGE), SUCCEEDED);
    CHECK_EQ(l1_get(VMCS_GUEST_CR3), 0x5000);
}

TEST(any_number_of_vmcs12)
{
    l1_start_with_vmcs();
    for (uint64_t i = 0; i < 200; i++) {
        l1_set_region(VMCS_PAGE + i * 0x1000, REVISION);
        CHECK_EQ(l1_with_address(EXIT_VMPTRLD, VMCS_PAGE + i * 0x1000), SUCCEEDED);
        l1_set(VMCS_GUEST_RSP, i + 1);
        l1_set(VMCS_HOST_RSP, i + 1000);
    }
    for (uint64_t i = 0; i < 200; i++) {
        CHECK_EQ(l1_with_address(EXIT_VMPTRLD, VMCS_PAGE + i * 0x1000), SUCCEEDED);
        CHECK_EQ(l1_get(VMCS_GUEST_RSP), i + 1);
        CHECK_EQ(l1_get(VMCS_HOST_RSP), i + 1000);
    }
}

// Wherever the search for a place to fill and that for one to give up stand: each VMCLEAR moves them against each other.
TEST(a_vmcs12_never_makes_room_for_itself)
{
    enum { REGIONS = 70 };
    uint64_t expected[REGIONS] = { 0 };
    l1_start_with_vmcs();
    for (unsigned i = 0; i < REGIONS; i++)
        l1_set_region(VMCS_PAGE + i * 0x1000, REVISION);
    for (unsigned round = 0; round < REGIONS; round++) {
        for (unsigned i = 0; i < REGIONS; i++) {
            CHECK_EQ(l1_with_address(EXIT_VMPTRLD, VMCS_PAGE + i * 0x1000), SUCCEEDED);
            CHECK_EQ(l1_get(VMCS_HOST_RSP), expected[i]);
            expected[i] = round * REGIONS + i + 1;
            l1_set(VMCS_HOST_RSP, expected[i]);
        }
        CHECK_EQ(l1_with_address(EXIT_VMCLEAR, VMCS_PAGE + round * 0x1000), SUCCEEDED);
    }
}

TEST(garbage_in_the_region_is_cut_to_the_fields_widths)
{
    l1_start_with_vmcs();
    memset(world_at(VMCS_PAGE + 0x1000), 0xee, 0x1000);
    l1_set_region(VMCS_PAGE + 0x1000, REVISION);
    CHECK_EQ(l1_with_address(EXIT_VMPTRLD, VMCS_PAGE + 0x1000), SUCCEEDED);
    CHECK_EQ(l1_get(VMCS_GUEST_CS_SELECTOR), 0xeeee);
    CHECK_EQ(l1_get(VMCS_GUEST_CS_LIMIT), 0xeeeeeeee);
    CHECK_EQ(l1_execute(EXIT_VMLAUNCH), FAILED_VALID);
    CHECK_EQ(l1_error(), 7);
}

TEST(another_cpus_current_vmcs12_stays_its)
{
    l1_start_with_vmcs();
    memcpy(world_at(VMXON_PAGE + 0x80000), world_at(VMXON_PAGE), 4);
    world_cpu = 1;
    CHECK_EQ(l1_with_address(EXIT_VMXON, VMXON_PAGE + 0x80000), SUCCEEDED);
    CHECK_EQ(l1_with_address(EXIT_VMPTRLD, VMCS_PAGE), FAILED_INVALID);
    CHECK_EQ(l1_with_address(EXIT_VMCLEAR, VMCS_PAGE), FAILED_INVALID);
    world_cpu = 0;
    l1_set(VMCS_GUEST_CR3, 0x5000);
    CHECK_EQ(l1_with_address(EXIT_VMCLEAR, VMCS_PAGE), SUCCEEDED);
    world_cpu = 1;
    CHECK_EQ(l1_with_address(EXIT_VMPTRLD, VMCS_PAGE), SUCCEEDED);
    CHECK_EQ(l1_get(VMCS_GUEST_CR3), 0x5000);
}

TEST(operand_faults)
{
    uint64_t *pd = world_at(0x12000);
    l1_start_with_vmcs();
    pd[OPERAND >> 21] = 0;
    CHECK_EQ(l1_with_address(EXIT_VMPTRLD, VMCS_PAGE), FAULT_PF);
    CHECK_EQ(world_gpr[GPR_CR2], OPERAND);
    CHECK_EQ(vmcs01[VMCS_ENTRY_EXCEPTION_ERROR], 0);
    CHECK_EQ(l1_with_address(EXIT_VMPTRST, 0), FAULT_PF);
    CHECK_EQ(vmcs01[VMCS_ENTRY_EXCEPTION_ERROR], 2);
    vmcs01[VMCS_EXIT_INSTRUCTION_INFO] = 2u << 7 | 3u << 15 | 1u << 22 | 1u << 27;
    vmcs01[VMCS_EXIT_QUALIFICATION] = 0x800000000000;
    CHECK_EQ(l1_execute(EXIT_VMPTRLD), FAULT_GP);
    vmcs01[VMCS_EXIT_INSTRUCTION_INFO] = 2u << 7 | 2u << 15 | 1u << 22 | 1u << 27;
    CHECK_EQ(l1_execute(EXIT_VMPTRLD), FAULT_SS);
}

// The second time its page is known: whatever L1 has done to its tables since counts.
TEST(an_operand_that_is_written_again)
{
    l1_start_with_vmcs();
    uint64_t *const entry = (uint64_t *)world_at(0x12000) + (OPERAND >> 21), before = *entry;
    vmcs01[VMCS_EXIT_INSTRUCTION_INFO] = 2u << 7 | 3u << 15 | 1u << 22 | (unsigned)GPR_RBX << 23;
    vmcs01[VMCS_EXIT_QUALIFICATION] = 0;
    world_gpr[GPR_RBX] = OPERAND;
    CHECK_EQ(l1_execute(EXIT_VMPTRST), SUCCEEDED);
    CHECK_EQ(l1_execute(EXIT_VMPTRST), SUCCEEDED);
    *entry = 0;
    CHECK_EQ(l1_execute(EXIT_VMPTRST), FAULT_PF);
    *entry = before;
    CHECK_EQ(l1_execute(EXIT_VMPTRST), SUCCEEDED);
}

TEST(operand_with_base_index_and_segment)
{
    const uint64_t region = VMCS_PAGE + 0x3000;
    l1_start_with_vmcs();
    l1_set_region(region, REVISION);
    memcpy(world_at(OPERAND + 0x5128), &region, 8);
    vmcs01[VMCS_GUEST_RSP] = OPERAND;
    vmcs01[VMCS_GUEST_GS_BASE] = 0x5000;
    world_gpr[GPR_R10] = 0x20;
    // gs:[rsp + r10 * 8 + 0x28]
    vmcs01[VMCS_EXIT_INSTRUCTION_INFO] = 3u | 2u << 7 | 5u << 15 | (unsigned)GPR_R10 << 18 | (unsigned)GPR_RSP << 23;
    vmcs01[VMCS_EXIT_QUALIFICATION] = 0x28;
    CHECK_EQ(l1_execute(EXIT_VMPTRLD), SUCCEEDED);
    CHECK_EQ(l1_with_address(EXIT_VMPTRST, 0), SUCCEEDED);
    uint64_t pointer = 0;
    memcpy(&pointer, world_at(OPERAND), 8);
    CHECK_EQ(pointer, region);
}

TEST(segment_limits_count_outside_64_bit_mode)
{
    l1_start_with_vmcs();
    vmcs01[VMCS_GUEST_CS_ACCESS_RIGHTS] = 0xc09b;
    vmcs01[VMCS_GUEST_EFER] = 0;
    vmcs01[VMCS_GUEST_CR0] = 0x21;
    vmcs01[VMCS_GUEST_DS_ACCESS_RIGHTS] = 0xc093;
    vmcs01[VMCS_GUEST_DS_LIMIT] = OPERAND + 7;
    CHECK_EQ(l1_with_address(EXIT_VMPTRST, 0), SUCCEEDED);
    vmcs01[VMCS_GUEST_DS_LIMIT] = OPERAND + 6;
    CHECK_EQ(l1_with_address(EXIT_VMPTRST, 0), FAULT_GP);
    vmcs01[VMCS_GUEST_DS_LIMIT] = 0xffffffff;
    vmcs01[VMCS_GUEST_DS_ACCESS_RIGHTS] = 0xc091;  // read-only
    CHECK_EQ(l1_with_address(EXIT_VMPTRST, 0), FAULT_GP);
    CHECK_EQ(l1_with_address(EXIT_VMCLEAR, VMCS_PAGE), SUCCEEDED);
    vmcs01[VMCS_GUEST_DS_ACCESS_RIGHTS] = 0x1c093;
    CHECK_EQ(l1_with_address(EXIT_VMCLEAR, VMCS_PAGE), FAULT_GP);
}

TEST(an_operand_that_is_no_memory_reads_ones)
{
    l1_start_with_vmcs();
    world_unmap(OPERAND, 8);
    vmcs01[VMCS_EXIT_INSTRUCTION_INFO] = 2u << 7 | 3u << 15 | 1u << 22 | 1u << 27;
    vmcs01[VMCS_EXIT_QUALIFICATION] = OPERAND;
    CHECK_EQ(l1_execute(EXIT_VMPTRLD), FAILED_VALID);
    CHECK_EQ(l1_error(), 9);
}
