// SPDX-License-Identifier: BSD-2-Clause
// Filling: neighbours, large pages, which root, and what happens when tables run out.
#include <threads.h>

#include <caps/ept_call.h>
#include <caps/exit_reason.h>
#include <rt/channel.h>

#include "../../../ept/tree.h"
#include "trees.h"

#define WB (6u << 3)

static const uint64_t address = 0x40200000;

// EPT12 whose page table maps first..last of the 512 pages at address.
static uint64_t table_of(unsigned page, unsigned first, unsigned last)
{
    const uint64_t eptp = trees_path(page, address, 0, 0);
    for (unsigned i = first; i <= last; i++)
        trees_entry((page + 3) * PAGE_BYTES, i, (0x100000 + i * PAGE_BYTES) | WB | 7);
    return eptp;
}

TEST(neighbours_are_mapped_with_one_message)
{
    trees_start();
    const uint64_t eptp = table_of(1, 0, 511);
    CHECK_EQ(trees_violation(eptp, address + 37 * PAGE_BYTES + 8, 1)->verdict, VERDICT_RESUME);
    CHECK_EQ(trees_count(), 1);  // the first of its table
    CHECK_EQ(trees_leaf(eptp, address + 37 * PAGE_BYTES)->to, 0x100000 + 37 * PAGE_BYTES);
    CHECK_EQ(world_count(OP_EPT_CREATE), 1);
    CHECK_EQ(world_count(OP_EPT_BIND), 1);
    // The next blocks need neither.
    CHECK_EQ(trees_violation(eptp, address + 511 * PAGE_BYTES, 1)->verdict, VERDICT_RESUME);
    CHECK_EQ(trees_count(), 33);
    CHECK_EQ(trees_violation(eptp, address + 40 * PAGE_BYTES, 1)->verdict, VERDICT_RESUME);
    CHECK_EQ(trees_count(), 64);
    for (unsigned i = 32; i < 64; i++)
        CHECK_EQ(trees_leaf(eptp, address + i * PAGE_BYTES)->to, 0x100000 + i * PAGE_BYTES);
    CHECK_EQ(world_count(OP_EPT_CREATE), 1);
    CHECK_EQ(world_count(OP_EPT_BIND), 1);
}

TEST(no_neighbour_of_another_table)
{
    trees_start();
    const uint64_t eptp = table_of(1, 0, 511);
    // What lies in memory before and behind the table would be fine leaves.
    for (unsigned i = 0; i < 512; i++) {
        trees_entry(5 * PAGE_BYTES, i, 0x900000 | WB | 7);
    }
    trees_violation(eptp, address, 1);
    trees_violation(eptp, address + 511 * PAGE_BYTES, 1);
    trees_violation(eptp, address + 8 * PAGE_BYTES, 1);
    CHECK_EQ(trees_count(), 64);
    CHECK(!trees_leaf(eptp, address - PAGE_BYTES));
    CHECK(!trees_leaf(eptp, address + 512 * PAGE_BYTES));
}

TEST(only_neighbours_that_are_valid_leaves_with_their_own_rights)
{
    trees_start();
    const uint64_t eptp = table_of(1, 10, 10);
    const uint64_t table = 4 * PAGE_BYTES;
    trees_entry(3 * PAGE_BYTES, 1, table | 5);             // the directory grants no writing
    trees_entry(table, 0, 0x200000 | WB | 3);              // read
    trees_entry(table, 1, 0x201000 | WB | 4);              // execute
    trees_entry(table, 2, 0x202000 | WB | 2);              // misconfigured
    trees_entry(table, 3, 0x203000 | 7 << 3 | 7);          // misconfigured
    trees_entry(table, 4, 0x204000);                       // not present
    trees_entry(table, 5, 1ull << 41 | WB | 7);            // misconfigured
    trees_entry(table, 6, 0x206000 | 1 << 3 | 0x40 | 7);   // WC, ignoring PAT
    trees_violation(eptp, address + 10 * PAGE_BYTES, 1);
    trees_violation(eptp, address, 1);
    CHECK_EQ(trees_count(), 4);
    CHECK_EQ(trees_leaf(eptp, address)->rights, 1);
    CHECK_EQ(trees_leaf(eptp, address + 0x1000)->rights, 4);
    CHECK_EQ(trees_leaf(eptp, address + 0x6000)->rights, 5);
    CHECK_EQ(trees_leaf(eptp, address + 0x6000)->type, 1);
    CHECK_EQ(trees_leaf(eptp, address + 0x6000)->ignore_pat, 1);
    CHECK_EQ(trees_leaf(eptp, address + 0xa000)->ignore_pat, 0);
}

TEST(neighbours_that_are_mapped_already_cost_nothing)
{
    trees_start();
    const uint64_t eptp = table_of(1, 0, 0);
    trees_violation(eptp, address, 1);
    table_of(1, 0, 31);
    trees_violation(eptp, address + PAGE_BYTES, 1);
    CHECK_EQ(world_count(OP_EPT_MAP_RUN), 2);
    CHECK_EQ(world_last(OP_EPT_MAP_RUN)->a, 31);
    CHECK_EQ(world_last(OP_EPT_MAP_RUN)->b, address + PAGE_BYTES);
}

TEST(a_neighbour_that_l1_does_not_have_is_left_out)
{
    trees_start();
    const uint64_t eptp = table_of(1, 0, 31);
    trees_entry(4 * PAGE_BYTES, 7, TREES_HOLE | WB | 7);
    CHECK_EQ(trees_violation(eptp, address, 1)->verdict, VERDICT_RESUME);
    CHECK_EQ(trees_count(), 1);
}

TEST(large_leaves_stay_large)
{
    trees_start();
    const uint64_t large = trees_path(1, 0x40000000, 1, 0x600000 | 0x80 | WB | 7);
    trees_entry(3 * PAGE_BYTES, 1, 0xa00000 | 0x80 | WB | 7);
    trees_entry(3 * PAGE_BYTES, 9, 0xc00000 | 0x80 | WB | 7);   // beyond the neighbours
    CHECK_EQ(trees_violation(large, 0x40000000 + 0x12345, 1)->verdict, VERDICT_RESUME);
    CHECK_EQ(trees_count(), 2);
    CHECK_EQ(trees_leaf(large, 0x40000000)->level, 1);
    CHECK_EQ(trees_leaf(large, 0x40000000)->to, 0x600000);
    CHECK_EQ(trees_leaf(large, 0x40200000)->to, 0xa00000);
    const uint64_t huge = trees_path(5, 0, 2, 0x240000000 | 0x80 | WB | 5);
    CHECK_EQ(trees_violation(huge, 0x3fffffff, 4)->verdict, VERDICT_RESUME);
    CHECK_EQ(trees_leaf(huge, 0)->level, 2);
    // The page that is wanted is named, so that the kernel can map less than the leaf.
    CHECK_EQ(world_last(OP_EPT_MAP)->b, 0x3ffff000);
    CHECK_EQ(world_last(OP_EPT_MAP)->c, 0x27ffff000);
}

// Another tag over the same tables: EPTP bits above the address are no address.
static uint64_t tag(uint64_t eptp, unsigned number) { return eptp | (uint64_t)(number + 1) << 52; }

TEST(the_least_recently_used_root_is_reused)
{
    trees_start();
    const uint64_t eptp = table_of(1, 0, 511);
    for (unsigned i = 0; i < TREES; i++)
        trees_violation(tag(eptp, i), address, 1);
    trees_violation(tag(eptp, 0), address + 0x100000, 1);   // tag 1 is the oldest now
    const uint32_t root = trees_root(tag(eptp, 1));
    trees_violation(tag(eptp, 100), address, 1);
    CHECK_EQ(trees_root(tag(eptp, 1)), ROOT_NONE);
    CHECK_EQ(trees_root(tag(eptp, 100)), root);
    CHECK(trees_root(tag(eptp, 0)) != ROOT_NONE && trees_root(tag(eptp, 2)) != ROOT_NONE);
    CHECK_EQ(trees_count_of(tag(eptp, 100)), 1);
}

TEST(a_reused_root_knows_nothing_of_its_former_tree)
{
    trees_start();
    const uint64_t eptp = table_of(1, 0, 511);
    trees_violation(tag(eptp, 0), address, 1);
    trees_violation(tag(eptp, 0), address + 0x40000, 1);
    for (unsigned i = 1; i <= TREES; i++)
        trees_violation(tag(eptp, i), address, 1);
    CHECK_EQ(trees_root(tag(eptp, 0)), ROOT_NONE);
    trees_violation(tag(eptp, TREES), address + 0x40000, 1);
    CHECK_EQ(trees_count_of(tag(eptp, TREES)), 33);
}

TEST(a_tree_that_is_not_bound_is_bound)
{
    trees_start();
    const uint64_t eptp = table_of(1, 0, 511);
    trees_violation(eptp, address, 1);
    // Another CPU's VMCS02, whose request was written before the tree was made.
    world_root = ROOT_NONE;
    world_vmcs[VMCS_HANDLE_02][VMCS_GUEST_PHYSICAL_ADDR] = address + 0x100000;
    CHECK_EQ(world_exit(ORIGIN_L2, EXIT_EPT_VIOLATION, NULL)->verdict, VERDICT_RESUME);
    CHECK_EQ(world_count(OP_EPT_CREATE), 1);
    CHECK_EQ(world_count(OP_EPT_BIND), 2);
    // And one whose request names a root that was reused since.
    world_root = 5;
    world_vmcs[VMCS_HANDLE_02][VMCS_GUEST_PHYSICAL_ADDR] = address + 0x120000;
    CHECK_EQ(world_exit(ORIGIN_L2, EXIT_EPT_VIOLATION, NULL)->verdict, VERDICT_RESUME);
    CHECK_EQ(world_last(OP_EPT_BIND)->object, trees_root(eptp));
    CHECK_EQ(trees_count(), 65);
}

TEST(without_room_the_least_recently_used_goes)
{
    trees_start();
    trees_budget = 100;
    const uint64_t eptp = table_of(1, 0, 511);
    for (unsigned i = 0; i < 3; i++) {
        trees_violation(tag(eptp, i), address, 1);
        trees_violation(tag(eptp, i), address + 8 * PAGE_BYTES, 1);
    }
    CHECK_EQ(trees_violation(tag(eptp, 1), address + 0x100000, 1)->verdict, VERDICT_RESUME);
    CHECK_EQ(trees_count_of(tag(eptp, 0)), 0);
    CHECK_EQ(trees_count_of(tag(eptp, 1)), 64);
    CHECK_EQ(trees_count_of(tag(eptp, 2)), 32);
    CHECK_EQ(world_count(OP_EPT_DROP), 0);
    // What is empty keeps its root.
    CHECK_EQ(trees_violation(tag(eptp, 0), address, 1)->verdict, VERDICT_RESUME);
    CHECK_EQ(trees_count_of(tag(eptp, 0)), 1);
    CHECK_EQ(world_count(OP_EPT_CREATE), 3);
}

TEST(with_room_for_one_page_the_neighbours_stay_out)
{
    trees_start();
    trees_budget = 1;
    const uint64_t eptp = table_of(1, 0, 511);
    for (unsigned i = 0; i < 40; i++) {
        CHECK_EQ(trees_violation(eptp, address + i * PAGE_BYTES, 1)->verdict, VERDICT_RESUME);
        CHECK(trees_leaf(eptp, address + i * PAGE_BYTES));
    }
}

static void one_page(void) { trees_violation(table_of(1, 0, 511), address, 1); }

TEST(no_table_at_all_is_the_end_of_the_message)
{
    trees_start();
    trees_budget = 0;
    CHECK(world_faults(one_page));
}

TEST(busy_is_tried_again_by_l2_itself)
{
    trees_start();
    const uint64_t eptp = table_of(1, 0, 511);
    trees_refuse = STATUS_BUSY;
    CHECK_EQ(trees_violation(eptp, address, 1)->verdict, VERDICT_RESUME);
    CHECK_EQ(trees_count(), 0);
    CHECK_EQ(trees_violation(eptp, address, 1)->verdict, VERDICT_RESUME);
    CHECK_EQ(trees_count(), 1);
}

TEST(most_mappings_travel_with_the_reply)
{
    trees_start();
    const uint64_t eptp = table_of(1, 0, 511);
    CHECK(!(trees_violation(eptp, address, 1)->set & SET_APPLIED));  // a new tree
    const struct reply *rep = trees_violation(eptp, address + 64 * PAGE_BYTES, 1);
    CHECK_EQ(rep->set, SET_APPLIED);
    CHECK_EQ(rep->op_count, 1);
    CHECK_EQ(trees_count(), 33);
    trees_check();
    // The rest of a block.
    CHECK_EQ(trees_violation(eptp, address + PAGE_BYTES, 1)->set, SET_APPLIED);
    CHECK_EQ(trees_count(), 64);
    CHECK_EQ(world_last(OP_EPT_MAP_RUN)->a, 31);
    trees_check();
    // One that is mapped is mapped otherwise: its record stays until the kernel has done so.
    trees_entry(4 * PAGE_BYTES, 64, 0x300000 | WB | 7);
    CHECK_EQ(trees_violation(eptp, address + 64 * PAGE_BYTES, 1)->op_count, 0);
    CHECK_EQ(trees_leaf(eptp, address + 64 * PAGE_BYTES)->to, 0x300000);
}

TEST(a_refused_reply_leaves_nothing_recorded)
{
    trees_start();
    const uint64_t eptp = table_of(1, 0, 511);
    trees_violation(eptp, address, 1);
    static const enum status refusal[] = { STATUS_NO_TABLES, STATUS_NO_MEMORY, STATUS_BAD_ADDRESS, STATUS_BUSY };
    for (unsigned i = 0; i < 4; i++) {
        const uint64_t block = address + (64 + 32 * i) * PAGE_BYTES;
        trees_refuse = refusal[i];
        CHECK_EQ(trees_violation(eptp, block, 1)->verdict, VERDICT_RESUME);
        for (unsigned k = 0; k < 32; k++)
            CHECK_EQ(trees_leaf(eptp, block + k * PAGE_BYTES)->to, 0x100000 + (64 + 32 * i + k) * PAGE_BYTES);
    }
    CHECK_EQ(trees_count(), 1 + 4 * 32);
}

static bool applied;
static int apply_later(void *sequence)
{
    thrd_sleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
    applied = true;
    __atomic_store_n(&rt_channel[0].channel.out.outbox.applied, (uint32_t)(uintptr_t)sequence, __ATOMIC_RELEASE);
    return 0;
}

// INVEPT and a new tree wait for what a reply is to map; misses don't.
TEST(only_misses_overtake_a_reply)
{
    trees_start();
    const uint64_t eptp = table_of(1, 0, 511);
    for (unsigned i = 0; i < 3; i++) {
        trees_violation(eptp, address, 1);
        const uint64_t block = address + (64 + 32 * i) * PAGE_BYTES;
        const uint32_t sequence = trees_violation(eptp, block, 1)->sequence;
        // Not yet: the kernel is still at it.
        rt_channel[0].channel.out.outbox.applied = sequence - 1;
        applied = false;
        thrd_t kernel;
        CHECK(thrd_create(&kernel, apply_later, (void *)(uintptr_t)sequence) == thrd_success);
        world_cpu = 1;
        if (i == 0) {
            trees_violation(eptp, address + 256 * PAGE_BYTES, 1);
            CHECK(!applied);
            CHECK_EQ(trees_invept(INVEPT_SINGLE, eptp), STATUS_OK);
        } else if (i == 1) {
            trees_violation(tag(eptp, 3), address, 1);
        } else {
            trees_violation(eptp, address, 2);  // is mapped: its record changes once it is mapped again
        }
        CHECK(applied);
        CHECK(thrd_join(kernel, NULL) == thrd_success);
        world_cpu = 0;
        CHECK(trees_leaf(eptp, block));
    }
    trees_check();
}
