// SPDX-License-Identifier: BSD-2-Clause
// Virtualization exceptions: which violations of EPT12 become one, and what L2 and L1 find then.
#include <string.h>

#include <rt/walk12.h>

#include "l1.h"

#define AREA      0x340000ull
#define POISON    0x5a5a5a5a5a5a5a5aull
#define BUSY      0xffffffffull
#define SUPPRESS  (1ull << 63)
#define READ      1u
#define WRITE     2u
#define LINEAR    0x7fff1234u
#define FOUND     0x180u  // linear address valid, of the access itself
#define RIP       0x12340ull
#define VE_EVENT  0x80000314ull
#define RF        (1ull << 16)

// EPT12 by level: tables of L2-physical 0.
static const uint64_t table[WALK12_LEVELS] = { 0x412000, 0x411000, 0x410000, EPTP12 & PAGE_MASK };
static uint64_t *entry(unsigned level, unsigned i) { return (uint64_t *)world_at(table[level]) + i; }
static uint64_t *area(void) { return world_at(AREA); }

static void start_with(uint64_t controls2, uint64_t bitmap)
{
    l1_start_with_vmcs();
    l1_fill_vmcs();
    for (unsigned level = 0; level < WALK12_LEVELS; level++) {
        memset(world_at(table[level]), 0, PAGE_BYTES);
        *entry(level, 0) = level == 0 ? 0x1000000 | 0x37 : table[level - 1] | 7;
    }
    for (unsigned i = 0; i < 8; i++)
        area()[i] = i == 0 ? 0 : POISON;
    l1_set(VMCS_PROC_CONTROLS2, l1_get(VMCS_PROC_CONTROLS2) | controls2);
    l1_set(VMCS_EXCEPTION_BITMAP, bitmap);
    l1_set(VMCS_VE_INFO_ADDR, AREA);
    l1_set(VMCS_EPTP_INDEX, 0x1234);
    l1_launch();
}

static void start(void) { start_with(PROC2_EPT_VIOLATION_VE, 0); }

enum end { EXIT_48, EXCEPTION_EXIT, IN_L2, OTHER };

// As `ept` forwards it.
static enum end forwarded(uint64_t reason, uint64_t address, uint64_t qualification)
{
    const uint64_t arg[MSG_ARGS] = { reason, qualification, LINEAR, address };
    l2[VMCS_GUEST_RIP] = RIP;
    l2[VMCS_GUEST_RFLAGS] = 2;
    l2[VMCS_ENTRY_INTR_INFO] = 0;
    l2[VMCS_EXIT_QUALIFICATION] = qualification;
    if (world_exit(ORIGIN_L2, EXIT_EPT_VIOLATION, arg)->verdict != VERDICT_L1) {
        CHECK_EQ(l2[VMCS_GUEST_RIP], RIP);
        if (l2[VMCS_ENTRY_INTR_INFO] != VE_EVENT)
            return OTHER;
        CHECK_EQ(l2[VMCS_GUEST_RFLAGS], 2 | RF);
        return IN_L2;
    }
    CHECK_EQ(l2[VMCS_ENTRY_INTR_INFO], 0);
    CHECK_EQ(l1_get(VMCS_GUEST_RIP), RIP);
    CHECK_EQ(l1_get(VMCS_EXIT_QUALIFICATION), l1_get(VMCS_EXIT_REASON) == reason ? qualification : 0);
    const uint64_t told = l1_get(VMCS_EXIT_REASON);
    return told == EXIT_EPT_VIOLATION ? EXIT_48 : told == EXIT_EXCEPTION_OR_NMI ? EXCEPTION_EXIT : OTHER;
}

static enum end violation(uint64_t address, uint64_t qualification) { return forwarded(EXIT_EPT_VIOLATION, address, qualification); }

static void resume(void) { CHECK_EQ(l1_execute(EXIT_VMRESUME), ENTERED_L2); }

static void check_area(uint64_t qualification, uint64_t address)
{
    CHECK_EQ(area()[0], BUSY << 32 | 48);
    CHECK_EQ(area()[1], qualification);
    CHECK_EQ(area()[2], LINEAR);
    CHECK_EQ(area()[3], address);
    CHECK_EQ(area()[4], (POISON & ~0xffffull) | 0x1234);
    CHECK_EQ(area()[5], POISON);
}

static void check_area_untouched(uint64_t head)
{
    CHECK_EQ(area()[0], head);
    for (unsigned i = 1; i < 8; i++)
        CHECK_EQ(area()[i], POISON);
}

// It is L1's, and nothing was written.
static void check_l1s(uint64_t address, uint64_t qualification)
{
    const uint64_t head = area()[0];
    CHECK_EQ(violation(address, qualification), EXIT_48);
    check_area_untouched(head);
    resume();
}

TEST(vmcs02_has_no_such_control)
{
    start();
    CHECK_EQ(l2[VMCS_PROC_CONTROLS2] & PROC2_EPT_VIOLATION_VE, 0);
    CHECK_EQ(l2[VMCS_VE_INFO_ADDR], 0);
}

TEST(l2_gets_an_exception)
{
    start();
    CHECK_EQ(violation(0x1abc, FOUND | READ), IN_L2);
    check_area(FOUND | READ, 0x1abc);
}

TEST(a_page_that_lacks_rights)
{
    start();
    *entry(0, 0) = 0x1000000 | 0x31;
    CHECK_EQ(violation(0xff8, FOUND | WRITE | READ << 3), IN_L2);
    check_area(FOUND | WRITE | READ << 3, 0xff8);
}

TEST(only_with_the_control)
{
    start_with(0, 0);
    check_l1s(0x1000, FOUND | READ);
    // Nor where the secondary controls aren't activated; and page-modification logging asks for none.
    CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
    l1_set(VMCS_PROC_CONTROLS2, l1_get(VMCS_PROC_CONTROLS2) | PROC2_ENABLE_PML);
    l1_set(VMCS_PML_ADDR, 0x350000);
    resume();
    check_l1s(0x1000, FOUND | READ);
    CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
    l1_set(VMCS_PROC_CONTROLS2, l1_get(VMCS_PROC_CONTROLS2) | PROC2_EPT_VIOLATION_VE);
    l1_set(VMCS_PROC_CONTROLS, l1_get(VMCS_PROC_CONTROLS) & ~(uint64_t)PROC_SECONDARY_CONTROLS);
    resume();
    check_l1s(0x1000, FOUND | READ);
    // Nor without EPT12, whoever says that it was violated.
    CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
    l1_set(VMCS_PROC_CONTROLS, l1_get(VMCS_PROC_CONTROLS) | PROC_SECONDARY_CONTROLS);
    l1_set(VMCS_PROC_CONTROLS2, PROC2_EPT_VIOLATION_VE);
    resume();
    check_l1s(0x1000, FOUND | READ);
    CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
    l1_set(VMCS_PROC_CONTROLS2, PROC2_EPT_VIOLATION_VE | PROC2_ENABLE_EPT);
    resume();
    CHECK_EQ(violation(0x1000, FOUND | READ), IN_L2);
}

TEST(only_violations)
{
    start();
    CHECK_EQ(forwarded(EXIT_EPT_MISCONFIG, 0x1000, 0), OTHER);
    CHECK_EQ(l1_get(VMCS_EXIT_REASON), EXIT_EPT_MISCONFIG);
    check_area_untouched(0);
    resume();
    // What is misconfigured by now isn't violated by anything.
    *entry(0, 1) = 2;
    check_l1s(0x1000, FOUND | READ);
    *entry(0, 1) = ~SUPPRESS;
    check_l1s(0x1000, FOUND | READ | 7 << 3);
}

TEST(only_while_the_area_is_free)
{
    static const uint32_t busy[] = { 0xffffffff, 1, 0x80000000, 0x100 };
    start();
    for (unsigned i = 0; i < sizeof(busy) / sizeof(busy[0]); i++) {
        area()[0] = (uint64_t)busy[i] << 32;
        check_l1s(0x1000, FOUND | READ);
    }
    area()[0] = 0xffffffff;  // the reason doesn't count
    CHECK_EQ(violation(0x1000, FOUND | READ), IN_L2);
    CHECK_EQ(area()[0], BUSY << 32 | 48);
    area()[2] = area()[3] = 0;
    CHECK_EQ(violation(0x2000, FOUND | READ), EXIT_48);
    CHECK_EQ(area()[3], 0);
    resume();
    area()[0] = 0;
    CHECK_EQ(violation(0x2000, FOUND | READ), IN_L2);
    check_area(FOUND | READ, 0x2000);
}

TEST(only_in_protected_mode)
{
    start();
    l2[VMCS_GUEST_CR0] = 0x30;
    check_l1s(0x1000, FOUND | READ);
    l2[VMCS_GUEST_CR0] = 0x31;
    CHECK_EQ(violation(0x1000, FOUND | READ), IN_L2);
}

TEST(never_while_an_event_is_delivered)
{
    static const uint32_t event[] = { 0x80000031, 0x80000202, 0x80000b0e, 0x80000314, 0x80000480, 0x80000603 };
    start();
    for (unsigned i = 0; i < sizeof(event) / sizeof(event[0]); i++) {
        l2[VMCS_IDT_VECTORING_INFO] = event[i];
        CHECK_EQ(violation(0x1000, FOUND | READ), EXIT_48);
        CHECK_EQ(l1_get(VMCS_IDT_VECTORING_INFO), event[i]);
        check_area_untouched(0);
        l2[VMCS_IDT_VECTORING_INFO] = 0;
        resume();
    }
    CHECK_EQ(violation(0x1000, FOUND | READ), IN_L2);
}

TEST(never_of_what_is_no_instructions)
{
    start();
    check_l1s(0x1000, FOUND | READ | 1 << 16);
}

// Bit 63 of the entry that isn't there, at each level.
TEST(an_absent_entry_decides)
{
    for (unsigned level = 0; level < WALK12_LEVELS; level++) {
        const uint64_t address = level12_bytes(level);
        start();
        *entry(level, 1) = SUPPRESS | 0x7f8;  // but for bit 63 nothing of it counts
        check_l1s(address, FOUND | READ);
        *entry(level, 1) = 0x7f8;
        CHECK_EQ(violation(address, FOUND | READ), IN_L2);
        CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
        CHECK_EQ(l1_execute(EXIT_VMXOFF), SUCCEEDED);
    }
}

// Bit 63 of the page's entry, at each level that has pages; those of tables don't count.
TEST(a_pages_entry_decides)
{
    for (unsigned level = 0; level < 3; level++) {
        const uint64_t address = level12_bytes(level), leaf = 0x40000000 | 0x31 | (level ? 0x80 : 0);
        start();
        for (unsigned above = level + 1; above < WALK12_LEVELS; above++)
            *entry(above, 0) |= SUPPRESS;
        *entry(level, 1) = SUPPRESS | leaf;
        check_l1s(address, FOUND | WRITE | READ << 3);
        *entry(level, 1) = leaf;
        CHECK_EQ(violation(address, FOUND | WRITE | READ << 3), IN_L2);
        CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
        CHECK_EQ(l1_execute(EXIT_VMXOFF), SUCCEEDED);
    }
}

// Rights that a table lacks: its page's entry decides all the same.
TEST(a_tables_rights)
{
    start();
    *entry(1, 0) = table[0] | 1;
    check_l1s(0, FOUND | WRITE | 7 << 3);  // not what EPT12 says
    *entry(0, 0) |= SUPPRESS;
    check_l1s(0, FOUND | WRITE | READ << 3);
    *entry(0, 0) &= ~SUPPRESS;
    CHECK_EQ(violation(0, FOUND | WRITE | READ << 3), IN_L2);
}

// With mode-based execute control bit 10 is a right, and in the qualification.
TEST(a_right_of_users)
{
    const uint64_t users_only = 0x1000000 | 0x430, told = 1 << 6;
    start();
    *entry(0, 1) = users_only | SUPPRESS;  // absent
    check_l1s(0x1000, FOUND | READ);
    *entry(0, 1) = users_only;
    check_l1s(0x1000, FOUND | READ | told);
    CHECK_EQ(violation(0x1000, FOUND | READ), IN_L2);
    CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
    CHECK_EQ(l1_execute(EXIT_VMXOFF), SUCCEEDED);
    start_with(PROC2_EPT_VIOLATION_VE | PROC2_MODE_BASED_EXECUTE, 0);
    for (unsigned above = 1; above < WALK12_LEVELS; above++)
        *entry(above, 0) |= 0x400;
    *entry(0, 1) = users_only;
    check_l1s(0x1000, FOUND | READ);
    CHECK_EQ(violation(0x1000, FOUND | READ | told), IN_L2);
    check_area(FOUND | READ | told, 0x1000);
}

// Where EPT12 allows it: L1 has no such page, or has just changed its tables.
TEST(what_ept12_allows_is_l1s)
{
    start();
    check_l1s(0, FOUND | READ);
    check_l1s(1ull << 48, FOUND | READ);
    check_l1s(~0ull, FOUND | READ);
    *entry(1, 1) = 0x3fff000000 | 7;  // a table that isn't there reads as ones
    check_l1s(0x200000, FOUND | READ);
}

// What L1 has given for the area is looked at each time.
TEST(an_area_that_is_no_memory)
{
    start();
    world_unmap(AREA, PAGE_BYTES);
    CHECK_EQ(violation(0x1000, FOUND | READ), EXIT_48);
    check_area_untouched(0);
    l1_set(VMCS_VE_INFO_ADDR, 0x3fff000000);
    resume();
    CHECK_EQ(violation(0x1000, FOUND | READ), EXIT_48);
    resume();
    CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
    l1_set(VMCS_VE_INFO_ADDR, 0x341000);
    resume();
    CHECK_EQ(violation(0x1000, FOUND | READ), IN_L2);
    CHECK_EQ(*(uint64_t *)world_at(0x341000), BUSY << 32 | 48);
}

TEST(an_l1_that_wants_the_exception)
{
    start_with(PROC2_EPT_VIOLATION_VE, 1u << 20);
    CHECK_EQ(violation(0x1abc, FOUND | READ), EXCEPTION_EXIT);
    check_area(FOUND | READ, 0x1abc);
    CHECK_EQ(l1_get(VMCS_EXIT_INTR_INFO), VE_EVENT);
    CHECK_EQ(l1_get(VMCS_IDT_VECTORING_INFO), 0);
    CHECK_EQ(l1_get(VMCS_GUEST_RFLAGS), 2 | RF);
    resume();
    check_area(FOUND | READ, 0x1abc);
    CHECK_EQ(violation(0x1abc, FOUND | READ), EXIT_48);
    resume();
    // By an IRET that has ended the blocking of NMIs.
    area()[0] = 0;
    CHECK_EQ(violation(0x1abc, FOUND | READ | 1 << 12), EXCEPTION_EXIT);
    CHECK_EQ(l1_get(VMCS_EXIT_INTR_INFO), VE_EVENT | 1 << 12);
}

// EPTP switching says which list entry L2 has chosen.
TEST(a_switch_sets_the_index)
{
    start_with(PROC2_EPT_VIOLATION_VE | PROC2_ENABLE_VMFUNC, 0);
    CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
    l1_set(VMCS_VM_FUNCTION_CONTROL, 1);
    l1_set(VMCS_EPTP_LIST_ADDR, 0x342000);
    ((uint64_t *)world_at(0x342000))[300] = EPTP12;
    resume();
    world_gpr[GPR_RAX] = 0;
    world_gpr[GPR_RCX] = 1ull << 32 | 301;  // no EPTP: nothing changes
    CHECK_EQ(l2_exit(EXIT_VMFUNC), ENTERED_L1);
    CHECK_EQ(l1_get(VMCS_EPTP_INDEX), 0x1234);
    resume();
    world_gpr[GPR_RCX] = 1ull << 32 | 300;
    CHECK_EQ(l2_exit(EXIT_VMFUNC), ENTERED_L2);
    CHECK_EQ(violation(0x1000, FOUND | READ), IN_L2);
    CHECK_EQ(area()[4] & 0xffff, 300);
    CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
    CHECK_EQ(l1_get(VMCS_EPTP_INDEX), 300);
}

// A message that is cut short anywhere, once or twice: the area that it has made busy itself doesn't count against it.
TEST(an_area_isnt_lost)
{
    for (unsigned wants = 0; wants < 2; wants++) {
        for (uint32_t cut = 1; cut < 24; cut++) {
            start_with(PROC2_EPT_VIOLATION_VE, wants << 20);
            world_cut = cut;
            CHECK_EQ(violation(0x1abc, FOUND | READ), wants ? EXCEPTION_EXIT : IN_L2);
            world_cut = 0;
            check_area(FOUND | READ, 0x1abc);
            if (wants)
                resume();
            // And it is busy now, whoever made it so.
            CHECK_EQ(violation(0x1abc, FOUND | READ), EXIT_48);
            CHECK_EQ(l1_execute(EXIT_VMXOFF), SUCCEEDED);
        }
    }
}

// Nor is one taken for its own that L2 was busy with before.
TEST(a_busy_area_stays_l2s)
{
    for (uint32_t cut = 1; cut < 24; cut++) {
        start();
        area()[0] = BUSY << 32;
        world_cut = cut;
        check_l1s(0x1abc, FOUND | READ);
        world_cut = 0;
        CHECK_EQ(l2_exit(EXIT_CPUID), ENTERED_L1);
        CHECK_EQ(l1_execute(EXIT_VMXOFF), SUCCEEDED);
    }
}

// Nor by the next message, where the one that has taken it never came to its end.
TEST(an_area_that_a_killed_message_took)
{
    unsigned killed = 0;
    for (uint32_t cut = 1; cut < 24; cut++) {
        start();
        world_cut = cut;
        world_cut_kills = true;
        const enum end end = violation(0x1abc, FOUND | READ);
        world_cut = 0;
        world_cut_kills = false;
        if (end == OTHER) {
            CHECK_EQ(l1_get(VMCS_EXIT_REASON), EXIT_TRIPLE_FAULT);
            killed += area()[0] != 0;
            resume();
        }
        area()[0] = BUSY << 32;
        CHECK_EQ(violation(0x2abc, FOUND | READ), EXIT_48);
        CHECK_EQ(l1_execute(EXIT_VMXOFF), SUCCEEDED);
    }
    CHECK(killed > 0);
}

// Where the CPU doesn't have it L1 has neither the control nor the fields.
TEST(without_it_in_the_cpu)
{
    uint64_t value = 0;
    world_info.vmx_msr[11] &= ~((uint64_t)PROC2_EPT_VIOLATION_VE << 32);
    l1_start_with_vmcs();
    l1_fill_vmcs();
    CHECK_EQ(l1_vmread(vmcs_field_info[VMCS_VE_INFO_ADDR].encoding, &value), FAILED_VALID);
    CHECK_EQ(l1_vmread(vmcs_field_info[VMCS_EPTP_INDEX].encoding, &value), FAILED_VALID);
    l1_set(VMCS_PROC_CONTROLS2, l1_get(VMCS_PROC_CONTROLS2) | PROC2_EPT_VIOLATION_VE);
    CHECK_EQ(l1_execute(EXIT_VMLAUNCH), FAILED_VALID);
    CHECK_EQ(l1_error(), 7);
}
