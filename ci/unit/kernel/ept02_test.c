// SPDX-License-Identifier: BSD-2-Clause
// EPT02 trees: invariants I1 and I2, replacement, budget, tags.

#include "check.h"
#include "fake_machine.h"

#include <caps/cap.h>
#include <caps/msg.h>

#include "ept02.h"
#include "pool.h"

#define TAG 0x1234501eull
#define PAGE_OF(entry) ((entry) & EPT_ADDRESS)

static void create(uint32_t root, uint64_t tag)
{
    struct ept02_work work = EPT02_WORK;
    CHECK(ept02_reserve(&work, EPT02_CREATE_PAGES));
    ept02_create(root, tag, &work);
    ept02_finish(&work);
}

static uint32_t start(uint64_t budget)
{
    fake_info.root_count = 4;
    fake_machine_init(budget);
    create(0, TAG);
    return 0;
}

static bool map(uint32_t root, unsigned level, unsigned rights, unsigned type, uint64_t from, uint64_t to)
{
    struct ept02_work work = EPT02_WORK;
    uint32_t a = ept_map_pack(level, rights, type, 0);
    CHECK(ept02_map_valid(a, (gpa2_t){ from }, (gpa1_t){ to }));
    if (!ept02_reserve(&work, EPT02_MAP_PAGES))
        return false;
    struct ept02_cursor *cursor = ept02_map_begin(root);
    ept02_map(cursor, a, (gpa2_t){ from }, (gpa1_t){ to }, &work);
    ept02_map_end(cursor);
    ept02_finish(&work);
    return true;
}

static void unmap(uint32_t root, enum ept_level level, uint64_t from)
{
    struct ept02_work work = EPT02_WORK;
    ept02_unmap(root, level, (gpa2_t){ from }, &work);
    ept02_finish(&work);
}

// As the CPU walks: the entry that maps an L2-physical address, 0: none; and its level.
static uint64_t walk_level(uint32_t root, uint64_t address, int *level)
{
    CHECK_EQ(root, ept02_find(TAG));
    uint32_t found;
    static uint32_t top = EPT02_TOP_EPT01;
    top = ept02_bind(TAG, top, &found);
    const uint64_t *table = hidden_va((hpa_t){ ept02_pointer(top) & EPT_ADDRESS });
    for (*level = 3;; --*level) {
        uint64_t entry = table[address >> (PAGE_BITS + 9 * *level) & 511];
        if ((entry & EPT_PRESENT) == 0)
            return 0;
        if (*level == 0 || (entry & EPT_LARGE))
            return entry;
        CHECK_EQ(entry & ~EPT_ADDRESS, EPT_PRESENT);
        table = hidden_va((hpa_t){ entry & EPT_ADDRESS });
    }
}

static uint64_t walk(uint32_t root, uint64_t address)
{
    int level;
    return walk_level(root, address, &level);
}

static int level_of(uint32_t root, uint64_t address)
{
    int level;
    return walk_level(root, address, &level) == 0 ? -1 : level;
}

TEST(a_page_is_mapped_where_it_was_asked_for)
{
    uint32_t root = start(64);
    CHECK(map(root, EPT_LEVEL_4K, EPT_READ | EPT_WRITE, 6, 0x7000, 0x3000));
    CHECK_EQ(walk(root, 0x7000), 0x3000 | EPT_READ | EPT_WRITE | 6 << 3);
    CHECK_EQ(walk(root, 0x6000), 0);
    CHECK_EQ(walk(root, 0x8000), 0);
    CHECK_EQ(fake_shootdowns, 0);
}

TEST(a_large_leaf_is_as_large_as_ept01_allows_and_holds_the_page)
{
    uint32_t root = start(64);
    CHECK(map(root, EPT_LEVEL_1G, 7, 6, 0x80345000, 0x40345000));
    CHECK_EQ(level_of(root, 0x80000000), EPT_LEVEL_1G);
    CHECK_EQ(PAGE_OF(walk(root, 0x80000000)), 0x40000000);
    // Next to hidden memory EPT01 has only 2 MiB.
    CHECK(map(root, EPT_LEVEL_1G, 7, 6, 0x100345000, 0x345000));
    CHECK_EQ(level_of(root, 0x100345000), EPT_LEVEL_2M);
    CHECK_EQ(PAGE_OF(walk(root, 0x100345000)), 0x200000);
    CHECK_EQ(walk(root, 0x100000000), 0);
    fake_ept01_level = EPT_LEVEL_4K;
    ept01_generation++;
    CHECK(map(root, EPT_LEVEL_2M, 7, 6, 0x200345000, 0x345000));
    CHECK_EQ(level_of(root, 0x200345000), EPT_LEVEL_4K);
    CHECK_EQ(PAGE_OF(walk(root, 0x200345000)), 0x345000);
}

TEST(rights_are_a_subset_of_ept01s)
{
    uint32_t root = start(64);
    fake_ept01_rights = EPT_READ | EPT_EXECUTE;
    CHECK(map(root, EPT_LEVEL_4K, 7, 6, 0x7000, 0x3000));
    CHECK_EQ(walk(root, 0x7000) & EPT_RIGHTS, EPT_READ | EPT_EXECUTE);
    fake_ept01_rights = EPT_EXECUTE;
    ept01_generation++;
    CHECK(map(root, EPT_LEVEL_4K, EPT_READ | EPT_WRITE, 6, 0x8000, 0x3000));
    CHECK_EQ(walk(root, 0x8000), 0);
}

// Mode-based execute control: a page may be there for user-mode fetches alone, and is one like any other.
TEST(a_page_that_users_alone_execute_is_mapped_and_taken_away)
{
    uint32_t root = start(64);
    CHECK(map(root, EPT_LEVEL_4K, EPT_EXECUTE_USER, 6, 0x7000, 0x3000));
    CHECK_EQ(walk(root, 0x7000), 0x3000 | 6 << EPT_TYPE_SHIFT | EPT_EXECUTE_USER);
    const unsigned before = fake_shootdowns;
    CHECK(map(root, EPT_LEVEL_4K, EPT_PRESENT, 6, 0x7000, 0x3000));  // more rights
    CHECK_EQ(fake_shootdowns, before);
    CHECK(map(root, EPT_LEVEL_4K, EPT_RIGHTS, 6, 0x7000, 0x3000));   // one less
    CHECK_EQ(fake_shootdowns, before + 1);
    CHECK(map(root, EPT_LEVEL_4K, EPT_EXECUTE_USER, 6, 0x7000, 0x3000) && map(root, EPT_LEVEL_4K, EPT_EXECUTE_USER, 6, 0x7000, 0x5000));
    CHECK_EQ(fake_shootdowns, before + 3);
    unmap(root, EPT_LEVEL_4K, 0x7000);
    CHECK_EQ(fake_shootdowns, before + 4);
    CHECK_EQ(walk(root, 0x7000), 0);
    CHECK(map(root, EPT_LEVEL_2M, EPT_EXECUTE_USER, 6, 0x40000000, 0x40000000));
    CHECK(map(root, EPT_LEVEL_4K, EPT_RIGHTS, 6, 0x40000000, 0x40000000));  // the large leaf gives way
    CHECK_EQ(fake_shootdowns, before + 5);
    // EPT01 grants both rights to execute or neither.
    fake_ept01_rights = EPT_READ | EPT_WRITE;
    ept01_generation++;
    CHECK(map(root, EPT_LEVEL_4K, EPT_PRESENT, 6, 0x8000, 0x3000));
    CHECK_EQ(walk(root, 0x8000) & EPT_PRESENT, EPT_READ | EPT_WRITE);
    CHECK(map(root, EPT_LEVEL_4K, EPT_EXECUTE_USER, 6, 0x9000, 0x3000));
    CHECK_EQ(walk(root, 0x9000), 0);
}

TEST(every_pair_of_memory_types_is_combined_without_losing_a_restriction)
{
    static const unsigned types[] = { 0, 1, 4, 5, 6 };
    for (unsigned i = 0; i < 5; i++) {
        for (unsigned j = 0; j < 5; j++) {
            unsigned type = ept02_type(types[i], types[j]);
            CHECK_EQ(type, ept02_type(types[j], types[i]));
            CHECK_EQ(type, types[i] == types[j] || types[j] == 6 ? types[i] : types[i] == 6 ? types[j] : 0);
        }
    }
}

static bool shows_ones(uint64_t entry)
{
    const uint64_t *ones = hidden_va((hpa_t){ PAGE_OF(entry) });
    for (unsigned i = 0; i < 512; i++)
        if (ones[i] != ~0ull)
            return false;
    return true;
}

TEST(no_l2_reads_what_another_has_written_to_hidden_memory)
{
    const uint32_t root = start(64);
    uint32_t found;
    CHECK(map(root, EPT_LEVEL_4K, 7, 6, 0x7000, FAKE_HIDDEN_FIRST));
    const uint64_t mine = walk(root, 0x7000);
    *(uint64_t *)hidden_va((hpa_t){ PAGE_OF(mine) }) = 0x5ec7e7;
    create(1, TAG + 0x1000);
    CHECK(map(1, EPT_LEVEL_4K, 7, 6, 0x7000, FAKE_HIDDEN_FIRST));
    const uint64_t *table = hidden_va((hpa_t){ ept02_pointer(ept02_bind(TAG + 0x1000, EPT02_TOP_EPT01, &found)) & EPT_ADDRESS });
    uint64_t other = table[0];
    for (unsigned level = 3; level > 0; level--, other = table[level == 0 ? 7 : 0])
        table = hidden_va((hpa_t){ PAGE_OF(other) });
    CHECK(other & EPT_WRITE);
    CHECK(PAGE_OF(other) != PAGE_OF(mine));
    CHECK(shows_ones(other));
    CHECK(!shows_ones(mine));  // nor does it end what the first one does there
    // The root's next tag gets another page: CPUs may still write to this one until they have been told.
    create(1, TAG + 0x2000);
    CHECK(map(root, EPT_LEVEL_4K, 7, 6, 0x9000, FAKE_HIDDEN_FIRST + 0x1000));
    CHECK(shows_ones(mine));
    CHECK_EQ(PAGE_OF(walk(root, 0x9000)), PAGE_OF(mine));
    CHECK_EQ(ept02_pages_used(), 3 + 2 + 3);  // top tables, one of which is still named; decoys; the first tree's tables
}

TEST(other_memory_types_of_ept01_reach_every_leaf)
{
    const uint32_t root = start(64);
    CHECK(map(root, EPT_LEVEL_4K, 7, 6, 0x7000, 0x3000));
    CHECK(map(root, EPT_LEVEL_2M, 7, 6, 0x400000, 0x40000000));
    fake_ept01_type = 0;
    ept01_generation++;
    ept02_expel(NULL, 0);
    CHECK_EQ(walk(root, 0x7000) | walk(root, 0x400000), 0);
    CHECK(map(root, EPT_LEVEL_4K, 7, 6, 0x7000, 0x3000));
    CHECK(map(root, EPT_LEVEL_2M, 7, 6, 0x400000, 0x40000000));
    CHECK_EQ(walk(root, 0x7000) >> 3 & 7, 0);
    CHECK_EQ(walk(root, 0x400000) >> 3 & 7, 0);
}

TEST(hidden_memory_is_never_mapped)
{
    uint32_t root = start(64);
    CHECK(map(root, EPT_LEVEL_4K, 7, 6, 0x7000, FAKE_HIDDEN_FIRST + 0x5000));
    CHECK(PAGE_OF(walk(root, 0x7000)) != FAKE_HIDDEN_FIRST + 0x5000);
    CHECK_EQ(walk(root, 0x7000) & EPT_EXECUTE, 0);
    CHECK(shows_ones(walk(root, 0x7000)));
    // A 1 GiB leaf with hidden memory in it: only the 2 MiB around the page that was named.
    CHECK(map(root, EPT_LEVEL_1G, 7, 6, 0x40000000, 0));
    CHECK_EQ(level_of(root, 0x40000000), EPT_LEVEL_2M);
    CHECK_EQ(walk(root, 0x40000000 + FAKE_HIDDEN_FIRST), 0);
}

TEST(a_mapping_that_shrinks_or_moves_is_shot_down_and_no_other)
{
    uint32_t root = start(64);
    CHECK(map(root, EPT_LEVEL_4K, EPT_READ, 6, 0x7000, 0x3000));
    CHECK(map(root, EPT_LEVEL_4K, EPT_READ | EPT_WRITE, 6, 0x7000, 0x3000));
    CHECK(map(root, EPT_LEVEL_4K, EPT_READ | EPT_WRITE, 6, 0x7000, 0x3000));
    CHECK_EQ(fake_shootdowns, 0);
    CHECK(map(root, EPT_LEVEL_4K, EPT_READ, 6, 0x7000, 0x3000));
    CHECK_EQ(fake_shootdowns, 1);
    CHECK(map(root, EPT_LEVEL_4K, EPT_READ, 6, 0x7000, 0x4000));
    CHECK_EQ(fake_shootdowns, 2);
    CHECK(map(root, EPT_LEVEL_4K, EPT_READ, 0, 0x7000, 0x4000));
    CHECK_EQ(fake_shootdowns, 3);
    unmap(root, EPT_LEVEL_4K, 0x7000);
    CHECK_EQ(fake_shootdowns, 4);
    unmap(root, EPT_LEVEL_4K, 0x7000);
    CHECK_EQ(fake_shootdowns, 4);
}

TEST(small_and_large_leaves_replace_each_other)
{
    uint32_t root = start(64);
    CHECK(map(root, EPT_LEVEL_4K, 7, 6, 0x40201000, 0x40201000));
    CHECK(map(root, EPT_LEVEL_4K, 7, 6, 0x40405000, 0x40405000));
    uint32_t used = ept02_pages_used();
    CHECK(map(root, EPT_LEVEL_2M, 7, 6, 0x40201000, 0x40201000));
    CHECK_EQ(level_of(root, 0x40201000), EPT_LEVEL_2M);
    CHECK_EQ(ept02_pages_used(), used - 1);
    CHECK(map(root, EPT_LEVEL_1G, 7, 6, 0x40201000, 0x40201000));
    CHECK_EQ(level_of(root, 0x40405000), EPT_LEVEL_1G);
    CHECK_EQ(ept02_pages_used(), used - 3);
    CHECK_EQ(fake_shootdowns, 2);
    CHECK(map(root, EPT_LEVEL_4K, 7, 6, 0x40201000, 0x40202000));
    CHECK_EQ(fake_shootdowns, 3);
    CHECK_EQ(PAGE_OF(walk(root, 0x40201000)), 0x40202000);
    CHECK_EQ(walk(root, 0x40202000), 0);
}

TEST(unmap_takes_all_of_a_region)
{
    uint32_t root = start(64);
    for (uint64_t i = 0; i < 8; i++)
        CHECK(map(root, EPT_LEVEL_4K, 7, 6, 0x40000000 + i * LARGE_BYTES, 0x3000));
    uint32_t used = ept02_pages_used();
    unmap(root, EPT_LEVEL_1G, 0x40012000);
    for (uint64_t i = 0; i < 8; i++)
        CHECK_EQ(walk(root, 0x40000000 + i * LARGE_BYTES), 0);
    CHECK_EQ(ept02_pages_used(), used - 9);
    CHECK(map(root, EPT_LEVEL_1G, 7, 6, 0x40000000, 0x40000000));
    unmap(root, EPT_LEVEL_4K, 0x40123000);  // part of a larger leaf: all of it
    CHECK_EQ(walk(root, 0x40000000), 0);
}

TEST(the_budget_holds_and_dropping_gives_everything_back)
{
    uint32_t root = start(20);
    uint32_t empty = ept02_pages_used(), mapped = 0;
    for (int round = 0; round < 50; round++) {
        uint32_t now = 0;
        while (map(root, EPT_LEVEL_4K, 7, 6, (uint64_t)now << 30, 0x3000)) {
            now++;
            CHECK(ept02_pages_used() <= 20);
        }
        CHECK(now > 5);
        CHECK(round == 0 || now == mapped);
        mapped = now;
        struct ept02_work work = EPT02_WORK;
        ept02_drop(root, &work);
        ept02_finish(&work);
        CHECK_EQ(ept02_pages_used(), empty);
        CHECK_EQ(walk(root, 0), 0);
    }
}

TEST(a_reservation_that_is_not_used_is_given_back)
{
    start(20);
    for (int i = 0; i < 100; i++) {
        struct ept02_work work = EPT02_WORK;
        CHECK(ept02_reserve(&work, 3));
        CHECK(ept02_reserve(&work, 9));
        CHECK(!ept02_reserve(&work, 9));
        ept02_finish(&work);
    }
    CHECK_EQ(fake_shootdowns, 0);
}

TEST(an_empty_pool_is_a_used_up_budget)
{
    uint32_t root = start(64);
    fake_pool_limit = 0;
    CHECK(map(root, EPT_LEVEL_4K, 7, 6, 0, 0x3000) == false);
    CHECK_EQ(walk(root, 0), 0);
}

TEST(a_vmcs02_finds_its_tree_by_the_tag_and_keeps_an_empty_one_when_it_goes)
{
    uint32_t root = start(64), found;
    uint32_t top = ept02_bind(TAG, EPT02_TOP_EPT01, &found);
    CHECK_EQ(found, root);
    uint64_t eptp = ept02_pointer(top);
    CHECK_EQ(eptp & 0xfff, 6 | 3 << 3);
    CHECK(map(root, EPT_LEVEL_4K, 7, 6, 0x7000, 0x3000));
    const uint64_t *table = hidden_va((hpa_t){ eptp & EPT_ADDRESS });
    CHECK(table[0] != 0);

    uint32_t generation = ept02_generation;
    struct ept02_work work = EPT02_WORK;
    CHECK(ept02_reserve(&work, EPT02_CREATE_PAGES));
    ept02_create(root, TAG + 0x1000, &work);
    ept02_finish(&work);
    CHECK(ept02_generation != generation);
    CHECK(fake_shootdowns > 0);
    CHECK(map(root, EPT_LEVEL_4K, 7, 6, 0x7000, 0x4000));
    for (unsigned i = 0; i < 512; i++)
        CHECK_EQ(table[i], 0);  // what the EPTP still names

    uint32_t used = ept02_pages_used();
    uint32_t other = ept02_bind(TAG, top, &found);
    CHECK_EQ(found, ROOT_NONE);
    CHECK(other != top);
    CHECK_EQ(ept02_pages_used(), used - 1);
    CHECK(ept02_bind(TAG + 0x1000, other, &found) != other);
    CHECK_EQ(found, root);
    CHECK_EQ(ept02_pointer(ept02_bind(0, ept02_bind(TAG, EPT02_TOP_EPT01, &found), &found)), ept01_pointer());
}

TEST(operands_that_cannot_be_are_refused)
{
    start(64);
    const gpa2_t from = { 0x40000000 };
    const gpa1_t to = { 0x40000000 };
    for (uint32_t a = 0; a < 1u << 14; a++) {
        unsigned level = a & 0xf, rights = a >> 4 & 0xf, type = a >> 8 & 0xf;
        bool valid = level <= 2 && rights >= 1 && (rights & 3) != 2 &&
                     (type == 0 || type == 1 || type == 4 || type == 5 || type == 6) && a >> 13 == 0;
        CHECK_EQ(ept02_map_valid(a, from, to), valid);
    }
    uint32_t large = ept_map_pack(EPT_LEVEL_2M, 7, 6, 0), small = ept_map_pack(EPT_LEVEL_4K, 7, 6, 0);
    CHECK(ept02_map_valid(large, (gpa2_t){ 0x401000 }, (gpa1_t){ 0x201000 }));
    CHECK(!ept02_map_valid(large, (gpa2_t){ 0x401000 }, (gpa1_t){ 0x202000 }));
    CHECK(!ept02_map_valid(small, (gpa2_t){ 0x401001 }, (gpa1_t){ 0x202001 }));
    CHECK(!ept02_map_valid(small, (gpa2_t){ 1ull << 48 }, (gpa1_t){ 0 }));
    CHECK(!ept02_map_valid(small, (gpa2_t){ 0 }, (gpa1_t){ 1ull << 40 }));
    fake_caps.ept_execute_only = false;
    CHECK_EQ(ept02_init((hpa_t){ FAKE_HIDDEN_FIRST }, FAKE_HIDDEN_PAGES, 1), STATUS_OK);
    CHECK(!ept02_map_valid(ept_map_pack(EPT_LEVEL_4K, EPT_EXECUTE, 6, 0), from, to) && !ept02_run_valid(to.v | 6 << 3 | EPT_EXECUTE));
    CHECK(!ept02_run_valid(to.v | 6 << 3 | EPT_EXECUTE_USER) && ept02_run_valid(to.v | 6 << 3 | EPT_EXECUTE_USER | EPT_READ));
}

// A run of entries does what each would by itself.
TEST(a_run_maps_each_entry)
{
    uint64_t entries[EPT_RUN_MAX] = { 0 };
    const uint32_t root = start(64);
    const uint64_t run = 0x600000, single = 0xa00000;
    struct ept02_work work = EPT02_WORK;
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < EPT_RUN_MAX; i++) {
            static const unsigned rights[] = { EPT_READ, EPT_READ | EPT_EXECUTE, EPT_RIGHTS, EPT_PRESENT, EPT_EXECUTE_USER };
            const unsigned granted = rights[(i + round) % 5], type = i % 5 == 2 ? 0 : 6;
            // One piece of RAM, another one, hidden memory; and holes.
            const uint64_t to = i % 8 == 3 ? FAKE_HIDDEN_FIRST : i % 8 == 5 ? 0x3000 : 0x40000000 + i * 0x1000;
            entries[i] = i % 7 == 1 ? 0 : to | type << 3 | (i % 11 == 4 ? 1u << 6 : 0u) | granted;
            if (entries[i] == 0)
                continue;
            CHECK(ept02_run_valid(entries[i]));
            CHECK(map(root, EPT_LEVEL_4K, granted, type, single + i * 0x1000, to));
        }
        CHECK(ept02_reserve(&work, EPT02_MAP_PAGES));
        ept02_map_run(root, (gpa2_t){ run }, entries, EPT_RUN_MAX, &work);
        CHECK_EQ(work.shootdown, round > 0);
        ept02_finish(&work);
        for (unsigned i = 0; i < EPT_RUN_MAX; i++) {
            const uint64_t one = walk(root, run + i * 0x1000), two = walk(root, single + i * 0x1000);
            CHECK_EQ(one & ~(1ull << 6), two);
            CHECK_EQ(one >> 6 & 1, two != 0 && i % 11 == 4 && i % 8 != 3);
        }
    }
}

// Of what a table held nothing is left when its page is a table again.
TEST(a_table_that_is_used_again_is_empty)
{
    static const struct { unsigned first, count; } run[] = { { 0, 64 }, { 448, 64 }, { 100, 1 }, { 511, 1 }, { 3, 40 }, { 200, 17 } };
    const uint32_t root = start(6);  // five are in use: the same pages each time
    uint64_t entries[EPT_RUN_MAX];
    struct ept02_work work = EPT02_WORK;
    for (unsigned round = 0; round < 36; round++) {
        const unsigned a = round % 6, b = round / 6;
        for (unsigned part = 0; part < 2; part++) {
            const unsigned first = run[part ? b : a].first, count = run[part ? b : a].count;
            for (unsigned i = 0; i < count; i++)
                entries[i] = (part && i % 3 == 0) ? 0 : 0x40000000 | 6 << 3 | EPT_RIGHTS;
            CHECK(ept02_reserve(&work, part ? 1 : 3));
            ept02_map_run(root, (gpa2_t){ first * PAGE_BYTES }, entries, count, &work);
            ept02_finish(&work);
        }
        for (uint64_t page = 0; page < 512; page++) {
            const bool in_a = page - run[a].first < run[a].count, in_b = page - run[b].first < run[b].count && (page - run[b].first) % 3 != 0;
            CHECK_EQ(walk(root, page * PAGE_BYTES) != 0, in_a || in_b);
        }
        for (uint64_t region = 1; region < 512; region++)
            CHECK_EQ(walk(root, region * LARGE_BYTES), 0);
        ept02_drop(root, &work);
        ept02_finish(&work);
    }
}

TEST(a_row_of_mappings_under_one_lock_is_as_good_as_each_alone)
{
    uint32_t root = start(64);
    struct ept02_work work = EPT02_WORK;
    uint32_t small = ept_map_pack(EPT_LEVEL_4K, 7, 6, 0), large = ept_map_pack(EPT_LEVEL_2M, 5, 6, 0);
    CHECK(ept02_reserve(&work, 12));
    struct ept02_cursor *cursor = ept02_map_begin(root);
    ept02_map(cursor, small, (gpa2_t){ 0x1ff000 }, (gpa1_t){ 0x400ff000 }, &work);
    ept02_map(cursor, small, (gpa2_t){ 0x200000 }, (gpa1_t){ 0x40100000 }, &work);
    ept02_map(cursor, small, (gpa2_t){ 0x201000 }, (gpa1_t){ 0x3000 }, &work);
    ept02_map(cursor, large, (gpa2_t){ 0x200000 }, (gpa1_t){ 0x40200000 }, &work);  // the table just written to goes
    ept02_map(cursor, small, (gpa2_t){ 0x202000 }, (gpa1_t){ FAKE_HIDDEN_FIRST }, &work);
    ept02_map(cursor, small, (gpa2_t){ 0x203000 }, (gpa1_t){ 0x5000 }, &work);
    ept02_map_end(cursor);
    ept02_finish(&work);
    CHECK_EQ(PAGE_OF(walk(root, 0x1ff000)), 0x400ff000);
    CHECK_EQ(walk(root, 0x201000), 0);
    CHECK(PAGE_OF(walk(root, 0x202000)) != FAKE_HIDDEN_FIRST && shows_ones(walk(root, 0x202000)));
    CHECK_EQ(PAGE_OF(walk(root, 0x203000)), 0x5000);
    CHECK_EQ(fake_shootdowns, 1);
}

// Random operations against a model that knows only what was asked for: nothing that the model doesn't allow is mapped.
TEST(random_operations_never_map_what_was_not_asked_for)
{
    enum { PAGES = 2048 };  // 4 times 2 MiB
    static uint64_t target[PAGES];
    static unsigned rights[PAGES];
    uint32_t root = start(256);
    uint64_t seed = 0x9e3779b97f4a7c15ull;
    for (int step = 0; step < 20000; step++) {
        seed = seed * 6364136223846793005ull + 1442695040888963407ull;
        unsigned page = (unsigned)(seed >> 33) % PAGES, kind = (unsigned)(seed >> 20) & 7, right = (unsigned)(seed >> 50) & 1 ? 7 : 5;
        if (kind < 5) {
            uint64_t to = 0x40000000 + ((seed >> 40 & 3) * 512 + page % 512) * PAGE_BYTES;
            CHECK(map(root, EPT_LEVEL_4K, right, 6, page * PAGE_BYTES, to));
            target[page] = to;
            rights[page] = right;
        } else if (kind == 5) {
            unsigned first = page & ~511u;
            uint64_t to = 0x40000000 + (seed >> 40 & 3) * LARGE_BYTES;
            CHECK(map(root, EPT_LEVEL_2M, right, 6, first * PAGE_BYTES, to));
            for (unsigned i = 0; i < 512; i++) {
                target[first + i] = to + i * PAGE_BYTES;
                rights[first + i] = right;
            }
        } else if ((seed >> 40) % 16 == 0) {  // the directory goes as well
            unmap(root, EPT_LEVEL_1G, 0);
            for (unsigned i = 0; i < PAGES; i++)
                rights[i] = 0;
        } else {
            unsigned count = kind == 6 ? 1 : 512, first = page & ~(count - 1);
            unmap(root, kind == 6 ? EPT_LEVEL_4K : EPT_LEVEL_2M, first * PAGE_BYTES);
            for (unsigned i = 0; i < count; i++)
                rights[first + i] = 0;
        }
        unsigned look = (unsigned)(seed >> 13) % PAGES;
        int level;
        uint64_t entry = walk_level(root, look * PAGE_BYTES, &level);
        if (entry != 0) {
            uint64_t frame = PAGE_OF(entry) + (level == EPT_LEVEL_2M ? look % 512 * PAGE_BYTES : 0);
            CHECK_EQ(frame, target[look]);
            CHECK_EQ(entry & EPT_RIGHTS & ~rights[look], 0);
        }
    }
}
