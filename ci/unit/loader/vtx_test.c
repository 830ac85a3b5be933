// SPDX-License-Identifier: BSD-2-Clause
// The check of a CPU: every thing that may be missing is named.
#include "../../../kernel/loader/controls.h"

#include <string.h>

#include <caps/cap.h>

#include "check.h"

static struct vtx_facts facts, first;
static char why[VTX_WHY];

static void build(void)
{
    memset(&facts, 0, sizeof(facts));
    facts.vmx = facts.no_execute = true;
    facts.feature_control = 5;
    facts.cr4 = 0x668;
    for (unsigned i = 0; i < VMX_MSR_COUNT; i++)
        facts.msr[i] = ~0ull;
    facts.msr[0] = 0x01da040000000001;  // write-back, true controls
    for (unsigned i = 1; i <= 4; i++)
        facts.msr[i] = 0xffffffff00000000;  // every control, and none is a must
    facts.msr[0x48b - VMX_MSR_FIRST] = 0xffffffff00000000;
    first = facts;
}

static void says(const char *expected)
{
    if (expected) {
        CHECK(vtx_missing(&facts, &first, why));
        CHECK(!strcmp(why, expected));
    } else {
        CHECK(!vtx_missing(&facts, &first, why));
    }
}

static void without(uint32_t msr, unsigned bit, const char *expected)
{
    build();
    facts.msr[msr - VMX_MSR_FIRST] &= ~(1ull << bit);
    says(expected);
}

TEST(cpu_with_everything_is_fine)
{
    build();
    says(NULL);
    facts.feature_control = 0;  // unlocked: the loader sets it
    says(NULL);
}

TEST(cpu_names_what_is_missing)
{
    build();
    facts.vmx = false;
    says("this CPU has no VT-x");
    build();
    facts.feature_control = 1;
    says("VT-x is locked off by the firmware");
    facts.feature_control = 3;  // only inside SMX
    says("VT-x is locked off by the firmware");
    build();
    facts.cr4 |= 1u << 13;
    says("VT-x is in use already: CR4.VMXE is set");
    build();
    facts.cr4 |= 1u << 12;
    says("the firmware runs with 5-level paging");
    build();
    facts.no_execute = false;
    says("this CPU has no execute-disable bit");
    without(0x48b, 33, "this CPU's VT-x has no EPT");
    without(0x48b, 39, "this CPU's VT-x has no unrestricted guest");
    without(0x48b, 37, "this CPU's VT-x has no VPID");
    without(0x482, 63, "this CPU's VT-x has no secondary controls");
    without(0x482, 59, "this CPU's VT-x has no monitor trap flag");
    without(0x482, 60, "this CPU's VT-x has no MSR bitmaps");
    without(0x481, 37, "this CPU's VT-x has no virtual NMIs");
    without(0x483, 41, "this CPU's VT-x has no host 64 bit");
    without(0x483, 52, "this CPU's VT-x has no save EFER");
    without(0x480, 52, "this CPU's VT-x has no write-back VMCSs");
    without(0x48c, 42, "this CPU's VT-x has no all-context INVVPID");
    build();
    facts.msr[0x48b - VMX_MSR_FIRST] |= 1u << 17;
    says("this CPU's VT-x insists on PML");
}

TEST(cpu_that_lacks_several_things_names_the_telling_one)
{
    build();
    facts.msr[0x48b - VMX_MSR_FIRST] = 0;
    facts.msr[0x481 - VMX_MSR_FIRST] = 0;
    says("this CPU's VT-x has no EPT");
}

TEST(cpu_must_be_like_the_first)
{
    without(0x48b, 48, "its VT-x isn't the first CPU's: MSR 0x48b is 0xfffeffff00000000, not 0xffffffff00000000");
    build();
    facts.msr[0x48b - VMX_MSR_FIRST] = first.msr[0x48b - VMX_MSR_FIRST] &= ~(1ull << 46);  // wanted, not needed
    says(NULL);
}

TEST(controls_are_what_l0_needs_and_the_cpu_has)
{
    struct vmx_caps caps;
    build();
    facts.physical_bits = 40;
    facts.debugctl_some = DEBUGCTL_FREEZE_SMM;
    facts.msr[0] |= 1ull << 55;  // true controls: these count, which let bit 1 of the pin controls be 0
    facts.msr[1] |= 0x16;
    facts.msr[13] = 0xffffffff00000004;
    facts.msr[11] = 0xffffffff00000000 & ~(1ull << (32 + 3));  // no RDTSCP, which is only wanted
    facts.msr[14] = facts.msr[15] = facts.msr[16] = 0xffffffff00000000;
    facts.msr[6] = 0x80000021;
    facts.msr[9] = 0x3627ff;
    facts.msr[12] = 1ull << 16 | 1ull << 6;
    controls_make(&caps, &facts);
    CHECK_EQ(caps.physical_bits, 40);
    CHECK_EQ(caps.vmcs01[WORD_PIN], 1u << 2 | 1u << 3 | 1u << 5 | 1u << 6);
    CHECK_EQ(caps.forced1[WORD_PIN], 1u << 3 | 1u << 5);
    CHECK_EQ(caps.forced0[WORD_PIN], 1u << 7);
    CHECK(!(caps.vmcs01[WORD_PROC2] & 1u << 3) && caps.vmcs01[WORD_PROC2] & 1u << 12);
    CHECK(!(caps.vmcs01[WORD_PROC] & 1u << 27));  // the trap flag only while something is stepped
    CHECK_EQ(caps.cr0_fixed0, 0x20);
    CHECK_EQ(caps.revision, 1);
    CHECK(caps.ept_2m && !caps.ept_1g && !caps.ept_execute_only && caps.shadowing);
    for (unsigned w = 0; w < WORD_COUNT; w++)
        CHECK_EQ(caps.vmcs01[w] & caps.forced0[w], 0);
    struct info info;
    controls_tell(&info, &caps, &facts, 3);
    CHECK(info.abi == CAP_ABI && info.cpu_count == 3 && info.physical_bits == 40 && info.linear_bits == 48 && info.shadowing);
    CHECK(info.forced1[WORD_PIN] == (1u << 3 | 1u << 5) && info.forced0[WORD_PIN] == 1u << 7 && info.vmx_msr[13] == facts.msr[13]);
    CHECK(info.feature_control == 5 && caps.feature_control == 5);
    CHECK_EQ(info.debugctl_some, 1 << 14);
    facts.msr[9] |= 1ull << 12;  // 5-level paging
    controls_make(&caps, &facts);
    controls_tell(&info, &caps, &facts, 3);
    CHECK(info.linear_bits == 57);
    facts.feature_control = 0x100000;  // the loader locks VMX on
    controls_make(&caps, &facts);
    CHECK_EQ(caps.feature_control, 0x100005);
    facts.msr[0] &= ~(1ull << 55);
    controls_make(&caps, &facts);
    CHECK_EQ(caps.allowed0[WORD_PIN], 0x16);
}
