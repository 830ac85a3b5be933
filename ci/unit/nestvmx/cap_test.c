// SPDX-License-Identifier: BSD-2-Clause
// Capability MSRs and IA32_FEATURE_CONTROL; and those MSRs that L0 refuses an L2.
#include <string.h>

#include "l1.h"

static uint64_t rdmsr(uint32_t msr)
{
    world_gpr[GPR_RCX] = msr;
    CHECK_EQ(l1_execute(EXIT_RDMSR), SUCCEEDED);
    return world_gpr[GPR_RAX] | world_gpr[GPR_RDX] << 32;
}

static enum outcome wrmsr(uint32_t msr, uint64_t value)
{
    world_gpr[GPR_RCX] = msr;
    world_gpr[GPR_RAX] = value & 0xffffffff;
    world_gpr[GPR_RDX] = value >> 32;
    return l1_execute(EXIT_WRMSR);
}

// Every control of the table is offered exactly if its row says so and the CPU has it, in both MSRs of its word.
TEST(controls_are_what_the_table_says)
{
    l1_start();
#define CONTROL(word, name, bit, l0, l1)                                                                      \
    {                                                                                                         \
        static const unsigned plain[] = { 1, 2, 11, 3, 4 }, exact[] = { 13, 14, 11, 15, 16 };                 \
        const uint64_t hardware = world_info.vmx_msr[exact[WORD_##word]];                                     \
        const uint64_t offered = (hardware >> (32 + (bit))) & (l1);                                           \
        CHECK_EQ((rdmsr(0x480 + plain[WORD_##word]) >> (32 + (bit))) & 1, offered);                           \
        CHECK_EQ((rdmsr(0x480 + exact[WORD_##word]) >> (32 + (bit))) & 1, offered);                           \
        CHECK_EQ((rdmsr(0x480 + exact[WORD_##word]) >> (bit)) & 1, (hardware >> (bit)) & 1);                  \
    }
#include <caps/vmx_control.def>
#undef CONTROL
}

// Without advanced information in the qualification of EPT violations nobody could tell which right a fetch needs.
TEST(mode_based_execute_control_needs_what_tells_modes)
{
    world_info.vmx_msr[12] &= ~(1ull << 22);
    l1_start();
    CHECK(world_info.vmx_msr[11] >> 32 & PROC2_MODE_BASED_EXECUTE);
    CHECK_EQ(rdmsr(0x48b) >> 32 & PROC2_MODE_BASED_EXECUTE, 0);
}

TEST(what_kvm_needs_is_there)
{
    l1_start();
    CHECK_EQ(rdmsr(0x480) & 0x7fffffff, REVISION);
    CHECK_EQ((rdmsr(0x480) >> 32) & 0x1fff, 4096);
    CHECK_EQ((rdmsr(0x480) >> 50) & 15, 6);
    CHECK_EQ(rdmsr(0x481) & 0x16, 0x16);
    CHECK_EQ(rdmsr(0x482) & 0x0401e172, 0x0401e172);
    CHECK_EQ(rdmsr(0x48e) & 0x18000, 0);       // CR3 exits are optional
    CHECK_EQ(rdmsr(0x48c) & 0x4000, 0x4000);   // EPT WB
    CHECK_EQ(rdmsr(0x48c) & (1 << 21), 1 << 21);  // accessed and dirty flags
    CHECK_EQ(rdmsr(0x485) & 0xffffffff, 0x600401e0);
    CHECK_EQ(rdmsr(0x486), 0x80000021);
    CHECK_EQ(rdmsr(0x489), 0x3767ff);
    CHECK_EQ(rdmsr(0x491), 1);                 // EPTP switching
}

TEST(enumeration_covers_every_field)
{
    l1_start_with_vmcs();
    uint64_t highest = rdmsr(0x48a) >> 1, value = 0, found = 0;
    for (uint32_t encoding = 0; encoding < 0x8000; encoding += 2) {
        if (l1_vmread(encoding, &value) == SUCCEEDED && ((encoding >> 1) & 0x1ff) > found)
            found = (encoding >> 1) & 0x1ff;
    }
    CHECK_EQ(found, highest);
}

TEST(capability_msrs_are_read_only)
{
    l1_start();
    for (uint32_t msr = 0x480; msr <= 0x491; msr++)
        CHECK_EQ(wrmsr(msr, rdmsr(0x480)), FAULT_GP);
}

TEST(msrs_that_the_cpu_lacks_are_gp)
{
    for (unsigned i = 13; i < 18; i++)
        world_info.vmx_msr[i] = 0;
    world_info.vmx_msr[0] &= ~(1ull << 55);
    world_info.vmx_msr[2] &= ~(1ull << 63);
    world_info.vmx_msr[11] = 0;
    l1_start();
    for (uint32_t msr = 0x48b; msr <= 0x491; msr++) {
        world_gpr[GPR_RCX] = msr;
        CHECK_EQ(l1_execute(EXIT_RDMSR), FAULT_GP);
    }
    CHECK_EQ(rdmsr(0x482) & 0x0401e172, 0x0401e172);
}

TEST(feature_control_is_locked_as_the_firmware_did)
{
    world_info.feature_control = 5 | 1 << 20;
    l1_start();
    CHECK_EQ(rdmsr(0x3a), 5);
    CHECK_EQ(wrmsr(0x3a, 5), FAULT_GP);
}

TEST(feature_control_can_be_locked_by_l1)
{
    world_info.feature_control = 0;
    l1_start();
    CHECK_EQ(rdmsr(0x3a), 0);
    CHECK_EQ(wrmsr(0x3a, 2), FAULT_GP);
    CHECK_EQ(wrmsr(0x3a, 4), SUCCEEDED);
    CHECK_EQ(wrmsr(0x3a, 5), SUCCEEDED);
    CHECK_EQ(rdmsr(0x3a), 5);
    CHECK_EQ(wrmsr(0x3a, 0), FAULT_GP);
    world_cpu = 1;
    CHECK_EQ(rdmsr(0x3a), 0);
}

TEST(l2_reads_them_as_l1_does)
{
    l1_start_with_vmcs();
    l1_fill_vmcs();
    ((uint8_t *)world_at(MSR_BITMAP))[0x480 / 8] = 0;
    l1_launch();
    world_gpr[GPR_RCX] = 0x480;
    l2[VMCS_EXIT_INSTRUCTION_LENGTH] = 2;
    l2[VMCS_GUEST_RIP] = 0x5000;
    CHECK_EQ(l2_exit(EXIT_RDMSR), ENTERED_L2);
    CHECK_EQ(world_gpr[GPR_RAX], REVISION);
    CHECK_EQ(l2[VMCS_GUEST_RIP], 0x5002);
    world_gpr[GPR_RAX] = 0;
    CHECK_EQ(l2_exit(EXIT_WRMSR), ENTERED_L1);
}

// 0x3f1 is hidden from L1, 0x2ff takes the value 6 alone.
static enum status msr_read_but_3f1(uint32_t msr, uint64_t *value)
{
    *value = 0x1122334455667700 | (msr & 0xff);
    return msr == 0x3f1 ? STATUS_UNSUPPORTED : STATUS_OK;
}

static enum status msr_write_of_6(const struct reply *rep, const struct op *op)
{
    (void)rep;
    return op->code == OP_MSR_WRITE && op->b != 6 ? STATUS_UNSUPPORTED : STATUS_OK;
}

// A #GP of L0's making: L1's exit where it wants #GPs.
TEST(msr_accesses_that_l0_refuses_are_l1s_general_protection)
{
    static const struct { uint32_t msr; uint64_t value; bool write, refused; } access[] = {
        { 0x3f1, 0, false, true }, { 0x1b, 0, false, false }, { 0x2ff, 2, true, true }, { 0x2ff, 6, true, false }, { 0x2ff, 6ull << 32 | 6, true, true },
    };
    world_read_msr = msr_read_but_3f1;
    world_check_op = msr_write_of_6;
    l1_start_with_vmcs();
    l1_fill_vmcs();
    memset(world_at(MSR_BITMAP), 0, 0x1000);
    l1_set(VMCS_EXCEPTION_BITMAP, 1u << 13);
    l1_launch();
    l2[VMCS_EXIT_INSTRUCTION_LENGTH] = 2;
    for (unsigned i = 0; i < sizeof(access) / sizeof(access[0]); i++) {
        world_gpr[GPR_RCX] = 0xabcd00000000 | access[i].msr;
        world_gpr[GPR_RAX] = 0x9999999900000000 | (uint32_t)access[i].value;
        world_gpr[GPR_RDX] = 0x8888888800000000 | access[i].value >> 32;
        l2[VMCS_GUEST_RIP] = 0x5000;
        CHECK_EQ(l2_exit(access[i].write ? EXIT_WRMSR : EXIT_RDMSR), access[i].refused ? ENTERED_L1 : ENTERED_L2);
        if (access[i].refused) {
            CHECK_EQ(l1_get(VMCS_EXIT_REASON), EXIT_EXCEPTION_OR_NMI);
            CHECK_EQ(l1_get(VMCS_EXIT_INTR_INFO), 0x80000b0d);
            CHECK_EQ(l1_get(VMCS_EXIT_INTR_ERROR), 0);
            CHECK_EQ(l1_get(VMCS_EXIT_QUALIFICATION), 0);
            CHECK_EQ(l1_get(VMCS_IDT_VECTORING_INFO), 0);
            CHECK_EQ(l1_get(VMCS_GUEST_RIP), 0x5000);
            CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L2);
            continue;
        }
        CHECK_EQ(l2[VMCS_GUEST_RIP], 0x5002);
        if (!access[i].write) {
            CHECK_EQ(world_gpr[GPR_RAX], 0x55667700 | access[i].msr);
            CHECK_EQ(world_gpr[GPR_RDX], 0x11223344);
        }
    }
}
