// SPDX-License-Identifier: BSD-2-Clause
// When the kernel's tables or ept's records run out: what was used least recently goes, and nothing else.
#include <caps/ept_call.h>

#include "../../../ept/record.h"
#include "../../../ept/room.h"
#include "../../../ept/unrecorded.h"
#include "trees.h"

#define WB (6u << 3)
#define FIRST (1ull << 30)
#define REGIONS 512u
#define AT_ONCE 16u  // as many go at a time, or fewer
#define MARGIN 3u    // tables that the kernel wants to have set aside for a mapping

static const uint64_t pdpt = 2 * PAGE_BYTES, pd = 3 * PAGE_BYTES, pt = 4 * PAGE_BYTES;

// EPT12 of 1 GiB: each 2 MiB has a page table, which is the same one.
static uint64_t regions(void)
{
    const uint64_t eptp = trees_path(1, FIRST, 0, 0);
    for (unsigned i = 0; i < 512; i++) {
        trees_entry(pd, i, pt | 7);
        trees_entry(pt, i, (0x100000 + i * PAGE_BYTES) | WB | 7);
    }
    trees_start();
    return eptp;
}

static uint64_t region(unsigned i) { return FIRST + i * LARGE_BYTES; }

static void touch(uint64_t eptp, unsigned i)
{
    CHECK_EQ(trees_violation(eptp, region(i), 1)->verdict, VERDICT_RESUME);
    CHECK(trees_leaf(eptp, region(i)));
}

// Another tag over the same tables: EPTP bits above the address are no address.
static uint64_t tag(uint64_t eptp, unsigned number) { return eptp | (uint64_t)(number + 1) << 52; }

// How many of the regions up to the last one have something mapped, if they are the last ones.
static unsigned last_ones(uint64_t eptp, unsigned last)
{
    unsigned count = 0;
    while (count <= last && trees_leaf(eptp, region(last - count)))
        count++;
    CHECK_EQ(trees_count_of(eptp), count);
    return count;
}

TEST(without_tables_the_oldest_go_one_part_at_a_time)
{
    const uint64_t eptp = regions();
    trees_tables_budget = 102;  // 100 page tables
    for (unsigned i = 0; i < REGIONS; i++) {
        touch(eptp, i);
        const unsigned left = last_ones(eptp, i);
        CHECK(left == i + 1 || left >= 100 - MARGIN - AT_ONCE);
    }
    CHECK_EQ(world_count(OP_EPT_DROP), 0);
    trees_check();
}

TEST(few_tables_are_not_emptied_at_once)
{
    const uint64_t eptp = regions();
    trees_tables_budget = 18;
    for (unsigned i = 0; i < REGIONS; i++) {
        touch(eptp, i);
        CHECK(last_ones(eptp, i) >= (i < 12 ? i + 1 : 12));
    }
    CHECK_EQ(world_count(OP_EPT_DROP), 0);
}

TEST(a_table_that_is_used_again_stays)
{
    const uint64_t eptp = regions();
    trees_tables_budget = 102;
    for (unsigned i = 0; i < 400; i++) {
        touch(eptp, i);
        // Ever further pages of one region: by the reply and, where it is mapped already, without it.
        if (i % 20 == 0 && i < 320)
            CHECK_EQ(trees_violation(eptp, region(0) + i / 20 * 32 * PAGE_BYTES, 1)->verdict, VERDICT_RESUME);
        else if (i % 20 == 0)
            CHECK_EQ(trees_violation(eptp, region(0), 2)->verdict, VERDICT_RESUME);
        CHECK(trees_leaf(eptp, region(0)));
    }
    const unsigned others = trees_count_of(eptp) - 512;
    CHECK(others >= 100 - MARGIN - AT_ONCE - 1);
    for (unsigned i = 1; i < 400; i++)
        CHECK_EQ(trees_leaf(eptp, region(i)) != 0, i >= 400 - others);
}

TEST(the_age_counts_not_the_tree)
{
    const uint64_t eptp = regions();
    trees_tables_budget = 106;
    for (unsigned i = 0; i < 50; i++) {
        touch(tag(eptp, 1), i);
        touch(tag(eptp, 2), i);
    }
    for (unsigned i = 50; i < 70; i++)
        touch(tag(eptp, 1), i);
    CHECK(!trees_leaf(tag(eptp, 1), region(0)) && !trees_leaf(tag(eptp, 2), region(0)));
    CHECK(trees_leaf(tag(eptp, 1), region(25)) && trees_leaf(tag(eptp, 2), region(25)));
    CHECK_EQ(world_count(OP_EPT_DROP), 0);
}

TEST(where_only_tables_above_are_left_a_tree_goes)
{
    const uint64_t eptp = regions();
    trees_tables_budget = 40;
    for (unsigned i = 0; i < 512; i++)
        trees_entry(pdpt, i, pd | 7);
    for (uint64_t i = 0; i < 200; i++) {
        const uint64_t address = i * HUGE_BYTES;
        CHECK_EQ(trees_violation(eptp, address, 1)->verdict, VERDICT_RESUME);
        CHECK(trees_leaf(eptp, address));
    }
    CHECK(world_count(OP_EPT_DROP) >= 200 / 40);
    CHECK(world_count(OP_EPT_DROP) < 200 / 10);
}

TEST(large_pages_go_as_well)
{
    const uint64_t eptp = regions();
    trees_tables_budget = 40;
    for (unsigned level = 1; level <= 2; level++)
        for (unsigned i = 0; i < 64; i++) {
            for (unsigned k = 0; k < 16; k++) {
                trees_entry(pd, k, level == 1 ? (0x400000 + k * LARGE_BYTES) | 0x80 | WB | 7 : pt | 7);
                trees_entry(pdpt, 512 - 64 + k, (4 + k) * HUGE_BYTES | 0x80 | WB | 7);
            }
            trees_entry(pdpt, i, pd | 7);
            const uint64_t address = level == 1 ? i * HUGE_BYTES : (448 + i % 16) * HUGE_BYTES;
            CHECK_EQ(trees_violation(eptp, address, 1)->verdict, VERDICT_RESUME);
            CHECK_EQ(trees_leaf(eptp, address)->level, level);
        }
    for (unsigned i = 0; i < 200; i++)
        CHECK_EQ(trees_violation(eptp, FIRST * 3 + (16 + i) * LARGE_BYTES, 1)->verdict, VERDICT_RESUME);
    CHECK(!trees_leaf(eptp, 0) && !trees_leaf(eptp, 448 * HUGE_BYTES));
}

TEST(a_large_page_takes_the_record_of_the_table_before_it_along)
{
    const uint64_t eptp = regions();
    trees_tables_budget = 40;
    touch(eptp, 7);
    trees_entry(pd, 7, 0x600000 | 0x80 | WB | 7);
    CHECK_EQ(trees_violation(eptp, region(7) + PAGE_BYTES, 1)->verdict, VERDICT_RESUME);
    CHECK_EQ(trees_leaf(eptp, region(7))->level, 1);
    CHECK(record_find(trees_root(eptp), (gpa2_t){ region(7) }, 0));
    for (unsigned i = 100; i < 200; i++)
        touch(eptp, i);
    CHECK(!trees_leaf(eptp, region(7)));
    CHECK(!record_find(trees_root(eptp), (gpa2_t){ region(7) }, 0));
    CHECK(last_ones(eptp, 199) > 10);
}

TEST(a_table_that_has_nothing_left_is_free)
{
    const uint64_t eptp = regions();
    touch(eptp, 0);
    touch(eptp, 1);
    const unsigned before = trees_tables();
    trees_entry(pd, 0, 0);
    trees_invept(INVEPT_SINGLE, eptp);
    CHECK_EQ(trees_count(), 1);
    CHECK_EQ(trees_tables(), before - 1);
}

// More tables than records: what no record tells of stays mapped up to the next INVEPT, which keeps all else.
TEST(without_records_all_stays_mapped_up_to_the_next_invept)
{
    const uint64_t eptp = regions();
    for (unsigned i = 0; i < RECORDS + 40; i++)
        touch(eptp, i);
    CHECK_EQ(trees_count(), RECORDS + 40);
    CHECK_EQ(world_count(OP_EPT_UNMAP), 0);
    trees_invept(INVEPT_SINGLE, eptp);
    CHECK(last_ones(eptp, RECORDS + 39) > RECORDS - AT_ONCE);
    CHECK_EQ(world_count(OP_EPT_DROP), 0);
    // And from now on as ever.
    const uint32_t ops = world_ops;
    trees_invept(INVEPT_SINGLE, eptp);
    CHECK_EQ(world_ops, ops);
    touch(eptp, 0);
    trees_invept(INVEPT_SINGLE, eptp);
    CHECK(trees_leaf(eptp, region(0)));
}

TEST(what_has_a_record_again_is_known_in_part)
{
    const uint64_t eptp = regions();
    for (unsigned i = 0; i < RECORDS + 1; i++)
        touch(eptp, i);
    CHECK(!record_find(trees_root(eptp), (gpa2_t){ region(0) }, 0));
    CHECK_EQ(trees_violation(eptp, region(0) + 100 * PAGE_BYTES, 1)->verdict, VERDICT_RESUME);
    CHECK(record_find(trees_root(eptp), (gpa2_t){ region(0) }, 0));
    // Its first page, that the record doesn't tell of, is another now.
    trees_entry(5 * PAGE_BYTES, 0, 0x900000 | WB | 7);
    trees_entry(5 * PAGE_BYTES, 100, trees_entry_now(pt, 100));
    trees_entry(pd, 0, 5 * PAGE_BYTES | 7);
    trees_invept(INVEPT_SINGLE, eptp);
    CHECK(!trees_leaf(eptp, region(0)) && !trees_leaf(eptp, region(0) + 100 * PAGE_BYTES));
    trees_check();
    touch(eptp, 0);
    CHECK_EQ(trees_leaf(eptp, region(0))->to, 0x900000);
}

TEST(without_tables_those_go_first_that_no_record_tells_of)
{
    const uint64_t eptp = regions();
    trees_tables_budget = RECORDS + 102;
    for (unsigned i = 0; i < RECORDS + 100 - MARGIN; i++)
        touch(eptp, i);
    CHECK_EQ(world_count(OP_EPT_UNMAP), 0);
    CHECK_EQ(trees_violation(eptp, region(0) + PAGE_BYTES, 1)->verdict, VERDICT_RESUME);  // has a record again
    touch(eptp, 500);
    touch(eptp, 501);
    CHECK_EQ(world_count(OP_EPT_UNMAP), AT_ONCE);
    CHECK(trees_leaf(eptp, region(0)));
    for (unsigned i = 1; i <= AT_ONCE; i++)
        CHECK(!trees_leaf(eptp, region(i)));
    for (unsigned i = AT_ONCE + 1; i < RECORDS + 100 - MARGIN; i++)
        CHECK(trees_leaf(eptp, region(i)));
}

// There is no note of tables that lie too high, nor of large pages: they go when their record does.
TEST(without_records_what_can_not_be_noted_goes_at_once)
{
    const uint64_t eptp = regions();
    for (unsigned i = 0; i < 512; i++)
        trees_entry(pdpt, i, pd | 7);
    trees_entry(pd, 511, 0x200000 | 0x80 | WB | 7);
    const uint64_t high = UNRECORDED_BYTES, below = high - LARGE_BYTES;
    CHECK_EQ(trees_violation(eptp, below, 1)->verdict, VERDICT_RESUME);
    CHECK_EQ(trees_leaf(eptp, below)->level, 1);
    CHECK_EQ(trees_violation(eptp, high, 1)->verdict, VERDICT_RESUME);
    CHECK_EQ(trees_violation(eptp, below - LARGE_BYTES, 1)->verdict, VERDICT_RESUME);
    for (unsigned i = 0; i < RECORDS; i++)
        touch(eptp, i);
    CHECK(!trees_leaf(eptp, below) && !trees_leaf(eptp, high));
    CHECK(trees_leaf(eptp, below - LARGE_BYTES));
    CHECK_EQ(world_count(OP_EPT_UNMAP), 2);
    trees_invept(INVEPT_ALL, 0);
    CHECK(!trees_leaf(eptp, below - LARGE_BYTES));
    CHECK(last_ones(eptp, RECORDS - 1) > RECORDS - AT_ONCE);
}

TEST(a_root_that_is_another_trees_has_nothing_unrecorded)
{
    const uint64_t eptp = regions();
    for (unsigned i = 0; i < RECORDS + 40; i++)
        touch(tag(eptp, 0), i);
    for (unsigned i = 1; i <= TREES_ROOTS; i++)
        touch(tag(eptp, i), 0);
    CHECK_EQ(trees_root(tag(eptp, 0)), ROOT_NONE);
    const uint32_t ops = world_ops;
    trees_invept(INVEPT_ALL, 0);
    CHECK_EQ(world_ops, ops);
    CHECK_EQ(trees_count(), TREES_ROOTS);
}
