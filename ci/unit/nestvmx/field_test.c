// SPDX-License-Identifier: BSD-2-Clause
// VMREAD and VMWRITE, of every field of the table.
#include <string.h>

#include "l1.h"

static uint64_t *const vmcs01 = world_vmcs[VMCS_HANDLE_01];

static bool offered(unsigned field)
{
    switch (vmcs_field_info[field].feature) {
    case FEATURE_POSTED_INTR: case FEATURE_ENCLS:
    case FEATURE_PERF_GLOBAL_CTRL: case FEATURE_MPX:
        return false;
    default:
        return true;
    }
}

static uint64_t pattern(unsigned field)
{
    const uint64_t mask = width_mask(encoding_width(vmcs_field_info[field].encoding));
    return (0x9e3779b97f4a7c15ull * (field + 1)) & mask;
}

static void write_all(void)
{
    for (unsigned field = 0; field < VMCS_FIELD_COUNT; field++)
        CHECK_EQ(l1_vmwrite(vmcs_field_info[field].encoding, ~0ull), offered(field) ? SUCCEEDED : FAILED_VALID);
    for (unsigned field = 0; field < VMCS_FIELD_COUNT; field++) {
        if (offered(field))
            CHECK_EQ(l1_vmwrite(vmcs_field_info[field].encoding, pattern(field)), SUCCEEDED);
    }
}

static void read_all(void)
{
    uint64_t value = 0;
    for (unsigned field = 0; field < VMCS_FIELD_COUNT; field++) {
        if (!offered(field)) {
            CHECK_EQ(l1_vmread(vmcs_field_info[field].encoding, &value), FAILED_VALID);
            continue;
        }
        if (field == VMCS_INSTRUCTION_ERROR)
            continue;
        CHECK_EQ(l1_vmread(vmcs_field_info[field].encoding, &value), SUCCEEDED);
        CHECK_EQ(value, pattern(field));
    }
}

TEST(every_field_holds_what_was_written)
{
    world_info.shadowing = 0;
    l1_start_with_vmcs();
    write_all();
    read_all();
    CHECK_EQ(l1_with_address(EXIT_VMCLEAR, VMCS_PAGE), SUCCEEDED);
    CHECK_EQ(l1_with_address(EXIT_VMPTRLD, VMCS_PAGE), SUCCEEDED);
    read_all();
}

TEST(every_field_with_shadowing)
{
    l1_start_with_vmcs();
    write_all();
    read_all();
    for (unsigned field = 0; field < VMCS_FIELD_COUNT; field++) {
        if (group_shadow[vmcs_field_info[field].group] != SHADOW_NONE)
            CHECK_EQ(world_vmcs[VMCS_HANDLE_SHADOW][field], pattern(field));
    }
}

TEST(what_l1_writes_in_the_shadow_vmcs_survives_vmptrld)
{
    l1_start_with_vmcs();
    l1_set_region(VMCS_PAGE + 0x1000, REVISION);
    world_vmcs[VMCS_HANDLE_SHADOW][VMCS_GUEST_RIP] = 0x4242;
    CHECK_EQ(l1_with_address(EXIT_VMPTRLD, VMCS_PAGE + 0x1000), SUCCEEDED);
    CHECK_EQ(world_vmcs[VMCS_HANDLE_SHADOW][VMCS_GUEST_RIP], 0);
    CHECK_EQ(l1_with_address(EXIT_VMPTRLD, VMCS_PAGE), SUCCEEDED);
    CHECK_EQ(world_vmcs[VMCS_HANDLE_SHADOW][VMCS_GUEST_RIP], 0x4242);
}

static unsigned shadow_written(uint64_t region)
{
    const unsigned before = world_count(OP_WRITE_GROUPS);
    CHECK_EQ(l1_with_address(EXIT_VMPTRLD, region), SUCCEEDED);
    return world_count(OP_WRITE_GROUPS) - before;
}

TEST(the_shadow_vmcs_is_not_written_again_for_the_vmcs_that_it_holds)
{
    const uint64_t other = VMCS_PAGE + 0x1000;
    l1_start_with_vmcs();
    l1_set(VMCS_GUEST_RIP, 0x4242);
    for (unsigned i = 0; i < 2; i++) {
        CHECK_EQ(l1_with_address(EXIT_VMCLEAR, VMCS_PAGE), SUCCEEDED);
        CHECK_EQ(shadow_written(VMCS_PAGE), 0);
        CHECK_EQ(l1_get(VMCS_GUEST_RIP), 0x4242);
    }
    l1_set_region(other, REVISION);
    CHECK_EQ(shadow_written(other), 1);
    CHECK_EQ(shadow_written(VMCS_PAGE), 1);
    // After a reload nothing is known; and what L1 changes after VMCLEAR is read again.
    CHECK_EQ(l1_with_address(EXIT_VMCLEAR, VMCS_PAGE), SUCCEEDED);
    world_init(1, 0);
    CHECK_EQ(shadow_written(VMCS_PAGE), 1);
    CHECK_EQ(l1_with_address(EXIT_VMCLEAR, VMCS_PAGE), SUCCEEDED);
    memset(world_at(VMCS_PAGE + 16), 0, PAGE_BYTES - 16);
    CHECK_EQ(shadow_written(VMCS_PAGE), 1);
    CHECK_EQ(l1_get(VMCS_GUEST_RIP), 0);
}

TEST(the_shadow_vmcs_is_written_again_where_another_cpu_had_the_vmcs)
{
    l1_start_with_vmcs();
    CHECK_EQ(l1_with_address(EXIT_VMCLEAR, VMCS_PAGE), SUCCEEDED);
    world_cpu = 1;
    CHECK_EQ(l1_with_address(EXIT_VMXON, VMXON_PAGE), SUCCEEDED);
    CHECK_EQ(shadow_written(VMCS_PAGE), 1);
    l1_set(VMCS_GUEST_RIP, 0x4343);
    CHECK_EQ(l1_with_address(EXIT_VMCLEAR, VMCS_PAGE), SUCCEEDED);
    world_cpu = 0;
    CHECK_EQ(shadow_written(VMCS_PAGE), 1);
    CHECK_EQ(l1_get(VMCS_GUEST_RIP), 0x4343);
}

TEST(high_halves)
{
    uint64_t value = 0;
    l1_start_with_vmcs();
    CHECK_EQ(l1_vmwrite(0x2010, 0x1111111122222222), SUCCEEDED);
    CHECK_EQ(l1_vmwrite(0x2011, 0x33333333), SUCCEEDED);
    CHECK_EQ(l1_vmread(0x2010, &value), SUCCEEDED);
    CHECK_EQ(value, 0x3333333322222222);
    CHECK_EQ(l1_vmread(0x2011, &value), SUCCEEDED);
    CHECK_EQ(value, 0x33333333);
    CHECK_EQ(l1_vmread(0x6801, &value), FAILED_VALID);  // natural width has none
    CHECK_EQ(l1_vmread(0x4001, &value), FAILED_VALID);
}

TEST(no_other_encoding_exists)
{
    uint64_t value = 0;
    unsigned found = 0;
    l1_start_with_vmcs();
    for (uint32_t encoding = 0; encoding < 0x10000; encoding++)
        found += l1_vmread(encoding, &value) == SUCCEEDED;
    unsigned expected = 0;
    for (unsigned field = 0; field < VMCS_FIELD_COUNT; field++) {
        if (offered(field))
            expected += encoding_width(vmcs_field_info[field].encoding) == WIDTH_64 ? 2 : 1;
    }
    CHECK_EQ(found, expected);
    CHECK_EQ(l1_vmread(0x1681e, &value), FAILED_VALID);
    CHECK_EQ(l1_error(), 12);
    CHECK_EQ(l1_vmwrite(0x1681e, 0), FAILED_VALID);
    CHECK_EQ(l1_error(), 12);
}

TEST(a_64_bit_encoding_register_counts_whole)
{
    l1_start_with_vmcs();
    vmcs01[VMCS_EXIT_INSTRUCTION_INFO] = 1u << 10 | GPR_RBX << 3 | (unsigned)GPR_R9 << 28;
    world_gpr[GPR_R9] = 1ull << 32 | 0x681e;
    CHECK_EQ(l1_execute(EXIT_VMREAD), FAILED_VALID);
    CHECK_EQ(l1_error(), 12);
}

TEST(read_only_fields_where_the_cpu_has_no_write)
{
    world_info.vmx_msr[5] &= ~(1ull << 29);
    world_info.shadowing = 0;
    l1_start_with_vmcs();
    CHECK_EQ(l1_vmwrite(0x4402, 0), FAILED_VALID);
    CHECK_EQ(l1_error(), 13);
}

TEST(memory_operands_of_vmread_and_vmwrite)
{
    uint64_t value = 0x123456789abcdef0, read = 0;
    l1_start_with_vmcs();
    memcpy(world_at(OPERAND), &value, 8);
    vmcs01[VMCS_EXIT_INSTRUCTION_INFO] = 2u << 7 | 3u << 15 | 1u << 22 | 1u << 27 | (unsigned)GPR_RDX << 28;
    vmcs01[VMCS_EXIT_QUALIFICATION] = OPERAND;
    world_gpr[GPR_RDX] = 0x6c16;
    CHECK_EQ(l1_execute(EXIT_VMWRITE), SUCCEEDED);
    CHECK_EQ(l1_get(VMCS_HOST_RIP), value);
    vmcs01[VMCS_EXIT_INSTRUCTION_INFO] = 2u << 7 | 3u << 15 | 1u << 22 | 1u << 27 | (unsigned)GPR_RDX << 28;
    vmcs01[VMCS_EXIT_QUALIFICATION] = OPERAND + 0x100;
    CHECK_EQ(l1_execute(EXIT_VMREAD), SUCCEEDED);
    memcpy(&read, world_at(OPERAND + 0x100), 8);
    CHECK_EQ(read, value);
}

TEST(rsp_as_operand)
{
    l1_start_with_vmcs();
    l1_set(VMCS_HOST_RIP, 0x777);
    vmcs01[VMCS_GUEST_RSP] = 0x6c16;
    vmcs01[VMCS_EXIT_INSTRUCTION_INFO] = 1u << 10 | GPR_RSP << 3 | (unsigned)GPR_RSP << 28;
    CHECK_EQ(l1_execute(EXIT_VMREAD), SUCCEEDED);
    CHECK_EQ(vmcs01[VMCS_GUEST_RSP], 0x777);
}

TEST(operands_have_32_bits_in_32_bit_code)
{
    uint64_t value = 0;
    l1_start_with_vmcs();
    l1_set(VMCS_HOST_RIP, 0x1111111122222222);
    vmcs01[VMCS_GUEST_CS_ACCESS_RIGHTS] = 0xc09b;
    vmcs01[VMCS_GUEST_EFER] = 0;
    CHECK_EQ(l1_vmread(0x6c16, &value), SUCCEEDED);
    CHECK_EQ(value, 0x22222222);
    CHECK_EQ(l1_vmwrite(0x6c16, 0xffffffff33333333), SUCCEEDED);
    vmcs01[VMCS_GUEST_CS_ACCESS_RIGHTS] = 0xa09b;
    CHECK_EQ(l1_get(VMCS_HOST_RIP), 0x33333333);
}
