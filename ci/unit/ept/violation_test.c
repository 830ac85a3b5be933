// SPDX-License-Identifier: BSD-2-Clause
// Violations: who gets them, L1 or EPT02, and with what in the exit fields.
#include <caps/exit_reason.h>

#include <rt/walk12.h>
#include "trees.h"

#define WB (6u << 3)

static const uint64_t address = 0x40201000;

static void check_forward(const struct reply *rep, uint64_t reason, uint64_t qualification, uint64_t guest_physical)
{
    CHECK_EQ(rep->verdict, VERDICT_FORWARD);
    CHECK_EQ(rep->arg[0], reason);
    CHECK_EQ(rep->arg[1], qualification);
    CHECK_EQ(rep->arg[2], 0xffff800000001234);
    CHECK_EQ(rep->arg[3], guest_physical);
}

TEST(each_access_against_each_right)
{
    trees_start();
    for (unsigned rights = 1; rights < 8; rights++) {
        for (unsigned access = 1; access < 8; access++) {
            const uint64_t eptp = trees_path(1 + 8 * rights, address, 0, 0x5000 | WB | rights);
            const struct reply *rep = trees_violation(eptp, address + 0x123, access);
            if (rights == 2 || rights == 6)
                check_forward(rep, EXIT_EPT_MISCONFIG, 0, address + 0x123);
            else if (access & ~rights)
                check_forward(rep, EXIT_EPT_VIOLATION, 0x180 | access | rights << 3, address + 0x123);
            else
                CHECK_EQ(rep->verdict, VERDICT_RESUME);
        }
    }
}

// With mode-based execute control each fetch against each pair of rights to execute; without it bit 10 says nothing, in a tree of its own.
TEST(fetches_of_each_mode_against_each_right)
{
    enum { USER_ADDRESS = 1u << 9, READ = 1, FETCH = 4 };
    trees_start();
    for (unsigned rights = 0; rights < 16; rights++) {
        const unsigned bits = (rights & 7) | (rights >> 3) << 10, shown = rights << 3;
        const uint64_t table = (1 + 4 * rights) * PAGE_BYTES, eptp = trees_path(1 + 4 * rights, address, 0, 0x5000 | WB | bits);
        for (unsigned level = 3; level > 0; level--)
            trees_entry(table + (3 - level) * PAGE_BYTES, address >> (12 + 9 * level) & 511, (table + (4 - level) * PAGE_BYTES) | EPT_PRESENT);
        for (unsigned look = 0; look < 6; look++) {
            const bool modes = look / 3, user = look % 3 == 1, fetch = look % 3 != 2;
            const uint64_t tag = eptp | (modes ? EPTP12_MODES : 0), qualification = 0x180 | (user ? USER_ADDRESS : 0) | (fetch ? FETCH : READ);
            const unsigned right = !fetch ? READ : modes && user ? EPT_EXECUTE_USER : EPT_EXECUTE, granted = modes ? bits : bits & 7;
            const struct reply *rep = trees_exit(EXIT_EPT_VIOLATION, tag, address, qualification);
            if ((rights & 3) == 2) {
                check_forward(rep, EXIT_EPT_MISCONFIG, 0, address);
            } else if (!(granted & right)) {
                check_forward(rep, EXIT_EPT_VIOLATION, qualification | (modes ? shown : shown & 0x38), address);
            } else {
                CHECK_EQ(rep->verdict, VERDICT_RESUME);
                CHECK_EQ(trees_leaf(tag, address)->rights, granted);
            }
        }
    }
}

TEST(the_rights_in_the_qualification_are_those_of_all_levels)
{
    trees_start();
    const uint64_t eptp = trees_path(1, address, 0, 0x5000 | WB | 7);
    trees_entry(2 * PAGE_BYTES, 1, 3 * PAGE_BYTES | 5);
    trees_entry(3 * PAGE_BYTES, 1, 4 * PAGE_BYTES | 3);
    check_forward(trees_violation(eptp, address, 2), EXIT_EPT_VIOLATION, 0x180 | 2 | 1 << 3, address);
    CHECK_EQ(trees_violation(eptp, address, 1)->verdict, VERDICT_RESUME);
    CHECK_EQ(trees_leaf(eptp, address)->rights, 1);
}

TEST(an_absent_entry_at_any_level_has_no_rights)
{
    trees_start();
    for (unsigned level = 0; level < 4; level++)
        check_forward(trees_violation(trees_path(1, address, level, 0x5000), address, 1), EXIT_EPT_VIOLATION, 0x181, address);
    CHECK_EQ(trees_root(0x1000 | 0x1e), ROOT_NONE);
}

TEST(the_other_bits_of_the_qualification_are_the_real_ones)
{
    trees_start();
    const uint64_t eptp = trees_path(1, address, 0, 0x5000 | WB | 1);
    for (unsigned bit = 7; bit < 64; bit++) {
        // EPT02's own rights, bits 6:3, never show.
        const struct reply *rep = trees_exit(EXIT_EPT_VIOLATION, eptp, address, 1ull << bit | 0x78 | 2);
        check_forward(rep, EXIT_EPT_VIOLATION, 1ull << bit | 1 << 3 | 2, address);
    }
}

TEST(every_misconfiguration_reaches_l1)
{
    trees_start();
    static const struct { unsigned level; uint64_t entry; } bad[] = {
        { 0, WB | 2 }, { 0, WB | 6 }, { 1, 2 }, { 2, 6 }, { 3, 2 },          // writing without reading
        { 0, 2 << 3 | 7 }, { 0, 3 << 3 | 7 }, { 0, 7 << 3 | 7 },             // memory types
        { 1, 0x80 | 2 << 3 | 7 }, { 2, 0x80 | 7 << 3 | 7 },
        { 0, 1ull << 40 | WB | 7 }, { 1, 1ull << 51 | 7 }, { 3, 1ull << 45 | 7 }, // no such address
        { 1, 0x80 | WB | 0x1000 | 7 }, { 2, 0x80 | WB | 0x200000 | 7 },      // a large page that isn't aligned
        { 3, 0x80 | 7 }, { 3, 8 | 7 }, { 2, 0x40 | 7 }, { 1, 0x10 | 7 },     // reserved in an entry that names a table
    };
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const uint64_t eptp = trees_path(1, address, bad[i].level, bad[i].entry);
        check_forward(trees_violation(eptp, address, 1), EXIT_EPT_MISCONFIG, 0, address);
    }
    CHECK_EQ(trees_count(), 0);
}

TEST(execute_only_where_the_cpu_has_it_not)
{
    trees_start();
    const uint64_t eptp = trees_path(1, address, 0, 0x5000 | WB | 4);
    CHECK_EQ(trees_violation(eptp, address, 4)->verdict, VERDICT_RESUME);
    CHECK_EQ(trees_leaf(eptp, address)->rights, 4);
    check_forward(trees_violation(eptp, address, 1), EXIT_EPT_VIOLATION, 0x181 | 4 << 3, address);
    world_info.vmx_msr[0x48c - VMX_MSR_FIRST] &= ~1ull;
    world_init(1, 0);
    check_forward(trees_violation(eptp, address, 4), EXIT_EPT_MISCONFIG, 0, address);
}

TEST(a_misconfiguration_exit_that_is_not_ept12s_is_a_defect_of_the_kernel)
{
    trees_start();
    const uint64_t eptp = trees_path(1, address, 0, 0x5000 | WB | 6);
    check_forward(trees_exit(EXIT_EPT_MISCONFIG, eptp, address, 0), EXIT_EPT_MISCONFIG, 0, address);
    trees_path(1, address, 0, 0x5000 | WB);
    check_forward(trees_exit(EXIT_EPT_MISCONFIG, eptp, address, 0), EXIT_EPT_VIOLATION, 0, address);
}

static void misconfigured_ept02(void)
{
    trees_exit(EXIT_EPT_MISCONFIG, trees_path(1, address, 0, 0x5000 | WB | 7), address, 0);
}

TEST(a_misconfigured_ept02_panics)
{
    trees_start();
    CHECK(world_faults(misconfigured_ept02));
}

TEST(a_page_that_l1_does_not_have)
{
    trees_start();
    const uint64_t eptp = trees_path(1, address, 0, TREES_HOLE | WB | 7);
    check_forward(trees_violation(eptp, address, 2), EXIT_EPT_VIOLATION, 0x182, address);
    CHECK_EQ(trees_count(), 0);
    CHECK_EQ(world_log_lines, 1);
}

TEST(rights_that_grew_are_mapped_anew)
{
    trees_start();
    const uint64_t eptp = trees_path(1, address, 0, 0x5000 | WB | 1);
    CHECK_EQ(trees_violation(eptp, address, 1)->verdict, VERDICT_RESUME);
    check_forward(trees_violation(eptp, address, 3), EXIT_EPT_VIOLATION, 0x183 | 1 << 3, address);
    trees_path(1, address, 0, 0x5000 | WB | 3);   // no INVEPT: more rights need none
    CHECK_EQ(trees_violation(eptp, address, 3)->verdict, VERDICT_RESUME);
    CHECK_EQ(trees_leaf(eptp, address)->rights, 3);
    CHECK_EQ(trees_count(), 1);
}

TEST(an_l2_whose_message_failed_twice_gets_a_triple_fault)
{
    trees_start();
    const struct reply *rep = world_message(MSG_KILL, ORIGIN_L2, NULL);
    CHECK_EQ(rep->verdict, VERDICT_FORWARD);
    CHECK_EQ(rep->arg[0], EXIT_TRIPLE_FAULT);
}
