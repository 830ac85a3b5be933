// SPDX-License-Identifier: BSD-2-Clause
// INVEPT: what still holds stays, what changed goes; and a reload, after which nothing is known.
#include <caps/ept_call.h>

#include "../../../ept/record.h"
#include "../../../ept/tree.h"
#include <rt/walk12.h>
#include "trees.h"

#define WB (6u << 3)

static const uint64_t address = 0x40200000;
static const uint64_t pt = 4 * PAGE_BYTES, pd = 3 * PAGE_BYTES;

// 64 pages, all mapped in EPT02.
static uint64_t filled(void)
{
    const uint64_t eptp = trees_path(1, address, 0, 0);
    for (unsigned i = 0; i < 64; i++)
        trees_entry(pt, i, (0x100000 + i * PAGE_BYTES) | WB | 7);
    trees_start();
    trees_violation(eptp, address, 1);
    trees_violation(eptp, address + 0x8000, 1);
    trees_violation(eptp, address + 0x20000, 1);
    CHECK_EQ(trees_count(), 64);
    return eptp;
}

TEST(nothing_changed_nothing_goes)
{
    const uint64_t eptp = filled();
    const uint32_t ops = world_ops;
    CHECK_EQ(trees_invept(INVEPT_SINGLE, eptp), STATUS_OK);
    CHECK_EQ(trees_invept(INVEPT_ALL, 0), STATUS_OK);
    CHECK_EQ(world_ops, ops);
}

TEST(accessed_and_ignored_bits_are_no_change)
{
    const uint64_t eptp = filled();
    for (unsigned i = 0; i < 64; i++)
        trees_entry(pt, i, trees_entry_now(pt, i) | 0xf80 | 0xfffull << 52);
    trees_invept(INVEPT_SINGLE, eptp);
    CHECK_EQ(trees_count(), 64);
}

TEST(each_change_of_an_entry_is_seen)
{
    static const uint64_t change[] = { 7, 2, 1 << 3, 0x40, 0x1000, 1ull << 39, 1ull << 40, 1ull << 51, 1 };
    for (unsigned i = 0; i < sizeof(change) / sizeof(change[0]); i++) {
        const uint64_t eptp = filled();
        trees_entry(pt, 5, trees_entry_now(pt, 5) ^ change[i]);
        trees_invept(INVEPT_SINGLE, eptp);
        CHECK_EQ(trees_count(), 63);
        CHECK(!trees_leaf(eptp, address + 0x5000));
        trees_check();
        trees_entry(pt, 5, trees_entry_now(pt, 5) ^ change[i]);
        trees_violation(eptp, address + 0x5000, 1);
        CHECK_EQ(trees_count(), 64);
    }
}

TEST(more_rights_than_were_mapped_are_no_change)
{
    const uint64_t eptp = trees_path(1, address, 0, 0x5000 | WB | 1);
    trees_start();
    trees_violation(eptp, address, 1);
    trees_path(1, address, 0, 0x5000 | WB | 7);
    trees_invept(INVEPT_SINGLE, eptp);
    CHECK_EQ(trees_leaf(eptp, address)->rights, 1);
}

// With mode-based execute control bit 10 is a right, of the entry and of those above; without it none, in another tree of the same EPT12.
TEST(the_right_of_users_to_execute_is_seen_to_go)
{
    const uint64_t user = EPT_EXECUTE_USER, eptp = trees_path(1, address, 0, 0x100000 | WB | 7 | user);
    trees_start();
    trees_entry(pd, 1, trees_entry_now(pd, 1) | user);
    trees_entry(2 * PAGE_BYTES, 1, trees_entry_now(2 * PAGE_BYTES, 1) | user);
    trees_entry(PAGE_BYTES, 0, trees_entry_now(PAGE_BYTES, 0) | user);
    static const struct { uint64_t table; unsigned index; } at[] = { { pt, 0 }, { pd, 1 }, { PAGE_BYTES, 0 } };
    for (unsigned i = 0; i < 3; i++) {
        trees_violation(eptp, address, 1);
        trees_violation(eptp | EPTP12_MODES, address, 1);
        CHECK_EQ(trees_leaf(eptp, address)->rights, 7);
        CHECK_EQ(trees_leaf(eptp | EPTP12_MODES, address)->rights, 7 | user);
        trees_entry(at[i].table, at[i].index, trees_entry_now(at[i].table, at[i].index) & ~user);
        trees_invept(INVEPT_SINGLE, eptp);
        CHECK(trees_leaf(eptp, address) != NULL);
        CHECK(trees_leaf(eptp | EPTP12_MODES, address) == NULL);
        trees_violation(eptp | EPTP12_MODES, address, 1);
        CHECK_EQ(trees_leaf(eptp | EPTP12_MODES, address)->rights, 7);
        // One that comes needs no INVEPT, and costs none of what is there.
        trees_entry(at[i].table, at[i].index, trees_entry_now(at[i].table, at[i].index) | user);
        trees_invept(INVEPT_ALL, 0);
        CHECK(trees_leaf(eptp | EPTP12_MODES, address) != NULL);
    }
}

TEST(execute_only_that_became_a_misconfiguration)
{
    const uint64_t eptp = trees_path(1, address, 0, 0x5000 | WB | 4);
    trees_entry(pd, 1, pt | 4);
    trees_start();
    trees_violation(eptp, address, 4);
    CHECK_EQ(trees_count(), 1);
    trees_entry(pt, 0, 0x5000 | WB | 6);
    trees_invept(INVEPT_SINGLE, eptp);
    CHECK_EQ(trees_count(), 0);
}

TEST(changes_above_the_page_table)
{
    for (unsigned level = 1; level < 4; level++) {
        static const uint64_t entries[] = { 0, 6, 0x123000 | 7, 0xfff0000000000 | 7, 4 };
        for (unsigned i = 0; i < 5; i++) {
            const uint64_t eptp = filled();
            trees_entry((4 - level) * PAGE_BYTES, address >> (12 + 9 * level) & 511, entries[i]);
            trees_invept(INVEPT_SINGLE, eptp);
            CHECK_EQ(trees_count(), 0);
        }
    }
    // Less rights for all of the table.
    const uint64_t eptp = filled();
    trees_entry(pd, 1, pt | 5);
    trees_invept(INVEPT_SINGLE, eptp);
    CHECK_EQ(trees_count(), 0);
}

TEST(a_table_that_moved_with_the_same_entries)
{
    const uint64_t eptp = filled();
    for (unsigned i = 0; i < 64; i++)
        trees_entry(7 * PAGE_BYTES, i, trees_entry_now(pt, i));
    trees_entry(pd, 1, 7 * PAGE_BYTES | 7);
    trees_invept(INVEPT_SINGLE, eptp);
    CHECK_EQ(trees_count(), 64);
}

TEST(a_table_that_became_a_large_page_and_back)
{
    const uint64_t eptp = filled();
    trees_entry(pd, 1, 0x600000 | 0x80 | WB | 7);
    trees_invept(INVEPT_SINGLE, eptp);
    CHECK_EQ(trees_count(), 0);
    trees_violation(eptp, address, 1);
    CHECK_EQ(trees_leaf(eptp, address)->level, 1);
    trees_entry(pd, 1, pt | 7);
    trees_invept(INVEPT_SINGLE, eptp);
    CHECK_EQ(trees_count(), 0);
    trees_check();
}

TEST(a_large_page_that_became_a_table_of_the_same_address)
{
    // Type UC: but for bit 7 the same bits.
    const uint64_t eptp = trees_path(1, address, 1, 0x600000 | 0x80 | 7);
    trees_start();
    trees_violation(eptp, address, 1);
    trees_entry(pd, 1, 0x600000 | 7);
    trees_invept(INVEPT_SINGLE, eptp);
    CHECK_EQ(trees_count(), 0);
}

TEST(a_table_that_left_the_window)
{
    const uint64_t eptp = filled();
    world_unmap(pt, 8);
    trees_invept(INVEPT_SINGLE, eptp);
    CHECK_EQ(trees_count(), 0);
}

TEST(single_context_goes_by_the_tables_address)
{
    const uint64_t eptp = filled();
    const uint64_t other = eptp ^ 0x6;              // another memory type for the tables, the same tables
    trees_violation(other, address, 1);
    const uint64_t apart = trees_path(10, address, 0, 0x900000 | WB | 7);
    trees_violation(apart, address, 1);
    for (unsigned i = 0; i < 64; i++)
        trees_entry(pt, i, 0);
    trees_path(10, address, 0, 0);
    trees_invept(INVEPT_SINGLE, eptp);
    CHECK_EQ(trees_count_of(eptp), 0);
    CHECK_EQ(trees_count_of(other), 0);
    CHECK_EQ(trees_count_of(apart), 1);
    trees_invept(INVEPT_ALL, 0);
    CHECK_EQ(trees_count(), 0);
}

TEST(a_whole_table_takes_more_than_one_batch)
{
    const uint64_t eptp = trees_path(1, address, 0, 0);
    for (unsigned i = 0; i < 512; i++)
        trees_entry(pt, i, (0x100000 + i * PAGE_BYTES) | WB | 7);
    trees_start();
    for (unsigned i = 0; i < 512; i += 8)
        trees_violation(eptp, address + i * PAGE_BYTES, 1);
    CHECK_EQ(trees_count(), 512);
    for (unsigned i = 0; i < 512; i++)
        trees_entry(pt, i, 0);
    trees_invept(INVEPT_SINGLE, eptp);
    CHECK_EQ(trees_count(), 0);
    CHECK_EQ(world_count(OP_EPT_UNMAP), 512 + 1);  // the table itself
}

TEST(after_a_reload_every_tree_is_empty)
{
    const uint64_t eptp = filled();
    tree_reset();    // the image is fresh
    world_init(1, 1);
    CHECK_EQ(world_count(OP_EPT_DROP), TREES);
    CHECK_EQ(trees_root(eptp), 0);
    CHECK_EQ(trees_count(), 0);
}

TEST(after_a_reload_trees_come_back_in_any_order)
{
    for (unsigned order = 0; order < 6; order++) {
        static const unsigned turn[6][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 }, { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };
        const uint64_t eptp = filled();
        for (unsigned i = 0; i < 3; i++)
            trees_violation(eptp | (i + 1ull) << 52, address, 1);
        tree_reset();
        world_init(1, 1);
        // Some of the kernel's roots still hold the old tags: L2 must find the tree that is filled.
        for (unsigned i = 0; i < 3; i++) {
            const uint64_t tag = eptp | (turn[order][i] + 1ull) << 52;
            trees_violation(tag, address, 1);
            CHECK(trees_leaf(tag, address));
        }
        trees_invept(INVEPT_ALL, 0);
        CHECK_EQ(trees_count(), 3);
        tree_reset();
        world_init(1, 1);
    }
}

TEST(calls_that_do_not_exist)
{
    trees_start();
    const uint64_t unknown[MSG_ARGS] = { 77 };
    CHECK_EQ(world_call(1, unknown)->status, STATUS_BAD_CALL);
    CHECK_EQ(trees_invept(0, 0), STATUS_BAD_ARG);
    CHECK_EQ(trees_invept(3, 0), STATUS_BAD_ARG);
    CHECK_EQ(trees_invept(1ull << 32 | 1, 0), STATUS_BAD_ARG);
}
