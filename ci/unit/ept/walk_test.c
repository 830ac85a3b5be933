// SPDX-License-Identifier: BSD-2-Clause
// The walk of EPT12: each misconfiguration, each size of leaf, rights, tables that aren't there or name themselves.
#include <caps/exit_reason.h>
#include <caps/layout.h>

#include <rt/walk12.h>
#include "trees.h"

#define CAPABILITY world_info.vmx_msr[0x48c - VMX_MSR_FIRST]
#define WB (6u << 3)

static const uint64_t address = 0x123456789000ull & ~0x800000000000ull;

// Expected, by SDM 3C 29.3.3.1, said the other way round than in ept: which entries are good.
static enum entry12_kind expected(uint64_t entry, unsigned level, bool modes, bool execute_only, bool large, bool huge)
{
    static const bool good_rights[8] = { [1] = true, [3] = true, [5] = true, [7] = true };
    static const bool good_type[8] = { [0] = true, [1] = true, [4] = true, [5] = true, [6] = true };
    if ((entry & 7) == 0 && !(modes && entry >> 10 & 1))
        return ENTRY12_NOT_PRESENT;
    if (!good_rights[entry & 7] && !((entry & 3) == 0 && execute_only))
        return ENTRY12_MISCONFIG;
    if (entry >> 40 & 0xfff)
        return ENTRY12_MISCONFIG;
    if (level == 0)
        return good_type[entry >> 3 & 7] ? ENTRY12_LEAF : ENTRY12_MISCONFIG;
    if (!(entry & 0x80))
        return entry & 0x78 ? ENTRY12_MISCONFIG : ENTRY12_TABLE;
    if (level == 3 || (level == 2 && !huge) || (level == 1 && !large))
        return ENTRY12_MISCONFIG;
    if (entry & (level == 1 ? 0x1ff000 : 0x3ffff000))
        return ENTRY12_MISCONFIG;
    return good_type[entry >> 3 & 7] ? ENTRY12_LEAF : ENTRY12_MISCONFIG;
}

TEST(every_combination_of_an_entrys_low_bits_and_each_high_bit)
{
    for (unsigned features = 0; features < 8; features++) {
        CAPABILITY = (features & 1) | (features >> 1 & 1) << 16 | (uint64_t)(features >> 2) << 17;
        const struct ept12_cpu cpu = ept12_cpu(&world_info);
        for (unsigned level = 0; level < WALK12_LEVELS; level++) {
            for (uint64_t low = 0; low < 4096; low++) {
                for (unsigned bit = 12; bit <= 64; bit++) {
                    const uint64_t entry = low | (bit < 64 ? 1ull << bit : 0);
                    for (unsigned modes = 0; modes < 2; modes++)
                        CHECK_EQ(entry12_kind(&cpu, entry, level, eptp12_rights(modes ? EPTP12_MODES : 0)),
                                 expected(entry, level, modes, features & 1, features & 2, features & 4));
                }
            }
        }
    }
}

TEST(address_bits_beyond_the_cpus_width_are_reserved)
{
    for (uint32_t bits = 32; bits <= 52; bits++) {
        world_info.physical_bits = bits;
        const struct ept12_cpu cpu = ept12_cpu(&world_info);
        for (unsigned bit = 12; bit < 64; bit++) {
            const bool bad = bit >= bits && bit < 52;
            CHECK_EQ(entry12_kind(&cpu, 1ull << bit | WB | 7, 0, EPT_RIGHTS), bad ? ENTRY12_MISCONFIG : ENTRY12_LEAF);
            CHECK_EQ(entry12_kind(&cpu, 1ull << bit | 7, 3, EPT_RIGHTS), bad ? ENTRY12_MISCONFIG : ENTRY12_TABLE);
        }
    }
}

TEST(a_leaf_of_each_size)
{
    const struct ept12_cpu cpu = ept12_cpu(&world_info);
    static const uint64_t frame[] = { 0x7654321000, 0x7654200000, 0x7640000000 };
    for (unsigned level = 0; level < 3; level++) {
        const uint64_t leaf = frame[level] | (level ? 0x80 : 0) | WB | 5;
        const uint64_t eptp = trees_path(1 + 4 * level, address, level, leaf);
        const struct walk12 walk = walk12(&cpu, eptp, (gpa2_t){ address }, 0);
        CHECK_EQ(walk.kind, ENTRY12_LEAF);
        CHECK_EQ(walk.level, level);
        CHECK_EQ(walk.entry, leaf);
        CHECK_EQ(walk.rights, 5);
        CHECK_EQ(walk.rights_above, 7);
        CHECK_EQ(walk.table.v, (1 + 4 * level + 3 - level) * PAGE_BYTES);
        CHECK_EQ(leaf12_page(walk.entry, level).v, frame[level]);
    }
}

TEST(rights_are_those_that_every_level_grants)
{
    enum { USER = EPT_EXECUTE_USER, GOOD = 9 };
    static const unsigned good[GOOD] = { 1, 3, 4, 5, 7, USER | 1, USER | 4, USER | 7, USER };
    const struct ept12_cpu cpu = ept12_cpu(&world_info);
    const uint64_t eptp = trees_path(1, address, 0, 0x5000 | WB | 7);
    for (unsigned n = 0; n < GOOD * GOOD * GOOD * GOOD; n++) {
        const unsigned rights[4] = { good[n % GOOD], good[n / GOOD % GOOD], good[n / GOOD / GOOD % GOOD], good[n / GOOD / GOOD / GOOD] };
        for (unsigned level = 0; level < 4; level++) {
            const uint64_t table = (4 - level) * PAGE_BYTES;
            const unsigned index = level12_index((gpa2_t){ address }, level);
            trees_entry(table, index, (trees_entry_now(table, index) & ~(uint64_t)EPT_PRESENT) | rights[level]);
        }
        struct walk12 walk = walk12(&cpu, eptp | EPTP12_MODES, (gpa2_t){ address }, 0);
        CHECK_EQ(walk.kind, ENTRY12_LEAF);
        CHECK_EQ(walk.rights, rights[0] & rights[1] & rights[2] & rights[3]);
        CHECK_EQ(walk.rights_above, rights[1] & rights[2] & rights[3]);
        // Without mode-based execute control bit 10 is ignored.
        walk = walk12(&cpu, eptp, (gpa2_t){ address }, 0);
        unsigned absent = 0;
        for (unsigned level = 0; level < 4; level++)
            absent |= rights[level] == USER;
        CHECK_EQ(walk.kind, absent ? ENTRY12_NOT_PRESENT : ENTRY12_LEAF);
        CHECK_EQ(walk.rights, rights[0] & rights[1] & rights[2] & rights[3] & (absent ? 0 : 7));
    }
}

TEST(a_walk_ends_at_the_first_entry_that_is_absent_or_bad)
{
    const struct ept12_cpu cpu = ept12_cpu(&world_info);
    for (unsigned level = 0; level < 4; level++) {
        const uint64_t eptp = trees_path(1, address, level, 0);
        struct walk12 walk = walk12(&cpu, eptp, (gpa2_t){ address }, 0);
        CHECK_EQ(walk.kind, ENTRY12_NOT_PRESENT);
        CHECK_EQ(walk.level, level);
        CHECK_EQ(walk.rights, 0);
        trees_path(1, address, level, 6);
        walk = walk12(&cpu, eptp, (gpa2_t){ address }, 0);
        CHECK_EQ(walk.kind, ENTRY12_MISCONFIG);
        CHECK_EQ(walk.level, level);
    }
}

TEST(a_walk_can_stop_at_a_table)
{
    const struct ept12_cpu cpu = ept12_cpu(&world_info);
    const uint64_t eptp = trees_path(1, address, 0, 0x5000 | WB | 7);
    for (unsigned last = 1; last < 4; last++) {
        const struct walk12 walk = walk12(&cpu, eptp, (gpa2_t){ address }, last);
        CHECK_EQ(walk.kind, ENTRY12_TABLE);
        CHECK_EQ(walk.level, last);
        CHECK_EQ(walk.table.v, (4 - last) * PAGE_BYTES);
    }
}

TEST(what_the_window_does_not_show_is_all_ones)
{
    const struct ept12_cpu cpu = ept12_cpu(&world_info);
    world_info.physical_bits = 52;
    const struct ept12_cpu wide = ept12_cpu(&world_info);
    static const uint64_t eptps[] = { WORLD_BYTES | 0x1e, 0xfffffffffffff01e, 0x8000000000 | 0x1e, WINDOW_BYTES | 0x1e };
    for (unsigned i = 0; i < 4; i++) {
        CHECK_EQ(walk12(&cpu, eptps[i], (gpa2_t){ address }, 0).kind, ENTRY12_MISCONFIG);
        CHECK_EQ(walk12(&wide, eptps[i], (gpa2_t){ address }, 0).kind, ENTRY12_MISCONFIG);
    }
    // In the middle of a walk too.
    const uint64_t eptp = trees_path(1, address, 0, 0x5000 | WB | 7);
    for (unsigned level = 0; level < 4; level++) {
        world_unmap((4 - level) * PAGE_BYTES, PAGE_BYTES);
        const struct walk12 walk = walk12(&wide, eptp, (gpa2_t){ address }, 0);
        CHECK_EQ(walk.kind, ENTRY12_MISCONFIG);
        CHECK_EQ(walk.level, level);
    }
}

TEST(a_table_that_names_itself)
{
    const struct ept12_cpu cpu = ept12_cpu(&world_info);
    for (unsigned i = 0; i < 512; i++)
        trees_entry(PAGE_BYTES, i, PAGE_BYTES | 7);
    const struct walk12 walk = walk12(&cpu, PAGE_BYTES | 0x1e, (gpa2_t){ address }, 0);
    CHECK_EQ(walk.kind, ENTRY12_LEAF);   // the fourth time round the entry is a page's, of type UC
    CHECK_EQ(walk.level, 0);
}

TEST(four_levels_translate_48_bits)
{
    const struct ept12_cpu cpu = ept12_cpu(&world_info);
    const uint64_t eptp = trees_path(1, 0, 0, 0x5000 | WB | 7);
    CHECK_EQ(walk12(&cpu, eptp, (gpa2_t){ 0 }, 0).kind, ENTRY12_LEAF);
    CHECK_EQ(walk12(&cpu, eptp, (gpa2_t){ 1ull << 48 }, 0).kind, ENTRY12_NOT_PRESENT);
    CHECK_EQ(walk12(&cpu, eptp, (gpa2_t){ 1ull << 51 }, 0).kind, ENTRY12_NOT_PRESENT);
}
