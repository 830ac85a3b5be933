// SPDX-License-Identifier: BSD-2-Clause
// Random EPT12s, most of them malformed, against the model: whatever is mapped is what EPT12 allows.
#include <caps/ept_call.h>
#include <caps/exit_reason.h>

#include <stdio.h>

#include "trees.h"

#define ROUNDS 60000u
#define TABLES 12u   // pages 1 to 12 hold tables, and are named by entries most of the time

static uint64_t state = 0x9e3779b97f4a7c15;
static unsigned regions = 3;  // page tables that a directory names

static uint64_t next(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static uint64_t below(uint64_t bound) { return next() % bound; }

// Addresses whose indexes are small at every level, so that tables are met again.
static uint64_t random_address(void)
{
    uint64_t address = below(4096);
    for (unsigned level = 0; level < 4; level++)
        address |= below(level == 0 ? 40 : level == 1 ? regions : 3) << (12 + 9 * level);
    return below(50) == 0 ? address | 1ull << 48 : address;
}

// One entry in eight: whatever could be there.
static uint64_t wild_entry(void)
{
    const uint64_t rights = below(8) | below(2) << 10;
    switch (below(5)) {
    case 0: // anything
        return next();
    case 1: // a large page
        return below(16) << 30 | 0x80 | below(8) << 3 | rights;
    case 2:
        return below(64) << 21 | 0x80 | below(8) << 3 | rights;
    case 3: // a page
        return (below(1 << 20) << 12) | below(8) << 3 | below(16) << 6 | rights;
    default: // any table, perhaps the one it is in; for a page table's entry: a page of type UC
        return (1 + below(TABLES)) * PAGE_BYTES | rights | (below(4) == 0 ? 1ull << below(64) : 0);
    }
}

// Tables 1 to 3 are PML4 tables, 4 to 6 page-directory-pointer tables, and so on.
static uint64_t random_entry(unsigned table)
{
    static const unsigned rights[] = { 0x407, 0x407, 0x407, 7, 7, 0x403, 0x405, 3 };
    if (below(8) == 0)
        return wild_entry();
    const unsigned level = 3 - (table - 1) / 3;
    const uint64_t right = rights[below(8)];
    if (level == 0)
        return below(1 << 20) << 12 | 6 << 3 | right;
    if (level < 3 && below(8) == 0)
        return below(32) << (12 + 9 * level) | 0x80 | 6 << 3 | right;
    return (4 + 3 * (3 - level) + below(3)) * PAGE_BYTES | right;
}

static void change_one(void)
{
    const unsigned table = 1 + (unsigned)below(TABLES);
    trees_entry(table * PAGE_BYTES, (unsigned)below(40), random_entry(table));
}

static uint64_t random_tag(void)
{
    return (1 + below(3)) * PAGE_BYTES | 0x1e | (below(2) << 52) | (below(2) << 10);
}

static void check_reply(const struct reply *rep, uint64_t tag, uint64_t address, unsigned access)
{
    struct leaf leaf;
    const enum reference expected = reference(tag, address, &leaf);
    const unsigned rights = expected == REFERENCE_OK ? leaf.rights : 0;
    if (expected == REFERENCE_OK && !(access & ~rights)) {
        if (rep->verdict == VERDICT_RESUME) {
            const struct leaf *mapped = trees_leaf(tag, address);
            CHECK(mapped && !(access & ~mapped->rights));
            CHECK_EQ(mapped->to + (address & ((PAGE_BYTES << 9 * mapped->level) - 1) & PAGE_MASK), leaf.to);
            return;
        }
        CHECK(leaf.to >= TREES_EPT01 || (leaf.to >= TREES_HOLE && leaf.to < TREES_HOLE + LARGE_BYTES));
    }
    CHECK_EQ(rep->verdict, VERDICT_FORWARD);
    CHECK_EQ(rep->arg[0], expected == REFERENCE_MISCONFIG ? EXIT_EPT_MISCONFIG : EXIT_EPT_VIOLATION);
    CHECK_EQ(rep->arg[3], address);
    if (expected == REFERENCE_ABSENT)
        CHECK_EQ(rep->arg[1], 0x180 | access);
}

static void fill_tables(void)
{
    for (unsigned table = 1; table <= TABLES; table++) {
        for (unsigned i = 0; i < 512; i++)
            trees_entry(table * PAGE_BYTES, i, random_entry(table));
    }
}

static void random_tables(void)
{
    trees_start();
    unsigned resumed = 0, forwarded = 0;
    for (unsigned round = 0; round < ROUNDS; round++) {
        if (round % 2000 == 0) {
            fill_tables();
            trees_invept(INVEPT_ALL, 0);
        }
        const uint64_t tag = random_tag(), address = random_address();
        const unsigned access = 1 + (unsigned)below(7);
        const struct reply *rep = trees_violation(tag, address, access);
        check_reply(rep, tag, address, access);
        resumed += rep->verdict == VERDICT_RESUME;
        forwarded += rep->verdict == VERDICT_FORWARD;
        if (below(8) == 0) {
            for (uint64_t n = below(30); n > 0; n--)
                change_one();
            trees_invept(INVEPT_ALL, 0);
            trees_check();
        }
    }
    printf("# %u resumed, %u forwarded\n", resumed, forwarded);
    // It did test something.
    CHECK(resumed > ROUNDS / 20 && forwarded > ROUNDS / 20);
    CHECK(world_count(OP_EPT_UNMAP) > 0);
}

TEST(random_tables_against_the_model)
{
    trees_budget = 1500;
    random_tables();
}

TEST(random_tables_with_few_of_the_kernels)
{
    trees_tables_budget = 60;
    random_tables();
    CHECK(world_count(OP_EPT_DROP) > 0);
}

TEST(random_tables_that_are_more_than_there_are_records)
{
    regions = 40;
    random_tables();
    CHECK_EQ(world_count(OP_EPT_DROP), 0);
}

static void change_sometimes(void)
{
    if (below(3) == 0)
        change_one();
}

TEST(tables_that_change_during_the_walk)
{
    trees_start();
    trees_lax = true;
    trees_budget = 1500;
    fill_tables();
    for (unsigned round = 0; round < ROUNDS / 2; round++) {
        trees_on_read = change_sometimes;
        trees_violation(random_tag(), random_address(), 1 + (unsigned)below(7));
        if (below(20) == 0)
            trees_invept(1 + below(2), random_tag());
        trees_on_read = 0;
        if (below(20) == 0) {
            // Once EPT12 is quiet, one INVEPT makes EPT02 right.
            trees_invept(INVEPT_ALL, 0);
            trees_check();
        }
    }
}

TEST(tables_in_memory_that_comes_and_goes)
{
    trees_start();
    for (unsigned round = 0; round < ROUNDS / 4; round++) {
        if (round % 1000 == 0)
            fill_tables();
        const uint64_t tag = random_tag(), address = random_address();
        const unsigned access = 1 + (unsigned)below(7);
        world_mapped[1 + below(TABLES)] = below(4) != 0;
        check_reply(trees_violation(tag, address, access), tag, address, access);
        if (below(20) == 0) {
            trees_invept(INVEPT_ALL, 0);
            trees_check();
        }
    }
}
