// SPDX-License-Identifier: BSD-2-Clause
// Accessed and dirty flags in EPT12, as the CPU would set them (SDM 3C 29.3.5 "Accessed and Dirty Flags for EPT").
#include <caps/ept_call.h>

#include <rt/walk12.h>
#include "trees.h"

#define WB   (6u << 3)
#define A    ENTRY12_ACCESSED
#define D    ENTRY12_DIRTY
#define PAGE (1u << 7)
#define READ 1u
#define WRITE 2u

static const uint64_t address = 0x40200000;
static const uint64_t pml4 = 1 * PAGE_BYTES, pdpt = 2 * PAGE_BYTES, pd = 3 * PAGE_BYTES, pt = 4 * PAGE_BYTES;

static uint64_t ready(void)
{
    const uint64_t eptp = trees_path(1, address, 0, 0x100000 | WB | 7) | EPTP12_FLAGS;
    trees_entry(pt, 1, 0x101000 | WB | 7);
    trees_start();
    return eptp;
}

TEST(an_access_sets_accessed_on_the_way)
{
    const uint64_t eptp = ready();
    CHECK_EQ(trees_violation(eptp, address, READ)->verdict, VERDICT_RESUME);
    CHECK_EQ(trees_entry_now(pml4, 0) & (A | D), A);
    CHECK_EQ(trees_entry_now(pdpt, 1) & (A | D), A);
    CHECK_EQ(trees_entry_now(pd, 1) & (A | D), A);
    CHECK_EQ(trees_entry_now(pt, 0) & (A | D), A);
    CHECK(trees_leaf(eptp, address) != NULL);
    CHECK_EQ(trees_leaf(eptp, address)->rights, 5);  // the first write is still to be seen
    // The neighbour wasn't accessed: neither mapped nor marked.
    CHECK_EQ(trees_entry_now(pt, 1) & (A | D), 0);
    CHECK(trees_leaf(eptp, address + 0x1000) == NULL);
}

TEST(a_write_sets_dirty)
{
    const uint64_t eptp = ready();
    trees_violation(eptp, address, READ);
    CHECK_EQ(trees_violation(eptp, address, WRITE)->verdict, VERDICT_RESUME);
    CHECK_EQ(trees_entry_now(pt, 0) & (A | D), A | D);
    CHECK_EQ(trees_entry_now(pd, 1) & (A | D), A);
    CHECK_EQ(trees_leaf(eptp, address)->rights, 7);
}

TEST(neighbours_with_flags_are_filled)
{
    const uint64_t eptp = ready();
    trees_entry(pt, 1, 0x101000 | WB | 7 | A);
    trees_entry(pt, 2, 0x102000 | WB | 7 | A | D);
    trees_violation(eptp, address, READ);
    trees_violation(eptp, address + 0x2000, READ);
    CHECK_EQ(trees_leaf(eptp, address + 0x1000)->rights, 5);
    CHECK_EQ(trees_leaf(eptp, address + 0x2000)->rights, 7);
}

TEST(flags_that_l1_takes_away_are_set_again)
{
    const uint64_t eptp = ready();
    trees_violation(eptp, address, WRITE);
    trees_entry(pt, 0, trees_entry_now(pt, 0) & ~D);
    trees_invept(INVEPT_SINGLE, eptp);
    CHECK(trees_leaf(eptp, address) == NULL);
    trees_violation(eptp, address, READ);
    CHECK_EQ(trees_leaf(eptp, address)->rights, 5);
    trees_violation(eptp, address, WRITE);
    CHECK_EQ(trees_entry_now(pt, 0) & (A | D), A | D);
    // Of a table above.
    trees_entry(pd, 1, trees_entry_now(pd, 1) & ~A);
    trees_invept(INVEPT_ALL, 0);
    CHECK(trees_leaf(eptp, address) == NULL);
    trees_violation(eptp, address, READ);
    CHECK_EQ(trees_entry_now(pd, 1) & A, A);
}

TEST(what_is_not_allowed_sets_nothing)
{
    const uint64_t eptp = ready();
    trees_entry(pt, 0, 0x100000 | WB | 1);
    CHECK_EQ(trees_violation(eptp, address, WRITE)->verdict, VERDICT_FORWARD);
    CHECK_EQ(trees_entry_now(pt, 0) & (A | D), 0);
    CHECK_EQ(trees_entry_now(pd, 1) & A, 0);
}

TEST(without_the_bit_nothing_is_set)
{
    const uint64_t eptp = ready() & ~EPTP12_FLAGS;
    trees_violation(eptp, address, WRITE);
    CHECK_EQ(trees_entry_now(pt, 0) & (A | D), 0);
    CHECK_EQ(trees_leaf(eptp, address)->rights, 7);
    trees_violation(eptp, address + 0x1000, WRITE);
    CHECK(trees_leaf(eptp, address + 0x1000) != NULL);
}

// Another CPU of L1 changes the leaf at every read: L2 goes on, whatever becomes of the flags.
static void flip(void) { trees_entry(pt, 0, trees_entry_now(pt, 0) ^ 1ull << 60); }

TEST(a_leaf_that_changes_all_the_time)
{
    const uint64_t eptp = ready();
    trees_lax = true;
    trees_on_read = flip;
    const struct reply *rep = trees_violation(eptp, address, WRITE);
    trees_on_read = NULL;
    CHECK_EQ(rep->verdict, VERDICT_RESUME);
    trees_violation(eptp, address, WRITE);
    CHECK_EQ(trees_entry_now(pt, 0) & (A | D), A | D);
}

// Another CPU of L1 takes the flag away each time that it was set: the access is let through, but not for longer than L1's next INVEPT.
static void take_away(void) { trees_entry(pdpt, 1, trees_entry_now(pdpt, 1) & ~A); }

TEST(what_could_not_be_marked_is_not_taken_for_unchanged)
{
    for (unsigned level = 0; level < 2; level++) {
        const uint64_t eptp = trees_path(1, address, level, (level > 0 ? 0x200000 | PAGE : 0x100000) | WB | 7) | EPTP12_FLAGS;
        trees_start();
        trees_on_read = take_away;
        CHECK_EQ(trees_violation(eptp, address, READ)->verdict, VERDICT_RESUME);
        trees_on_read = NULL;
        CHECK_EQ(trees_entry_now(pdpt, 1) & A, 0);
        CHECK(trees_leaf(eptp, address) != NULL);
        trees_invept(INVEPT_SINGLE, eptp);
        CHECK(trees_leaf(eptp, address) == NULL);
        trees_violation(eptp, address, READ);
        CHECK_EQ(trees_entry_now(pdpt, 1) & A, A);
        trees_invept(INVEPT_ALL, 0);
        CHECK(trees_leaf(eptp, address) != NULL);
    }
}

// An L2 whose writes are logged: no flag is set here, what needs one is nestvmx' to log first.
TEST(with_a_log_flags_are_not_set_here)
{
    const uint64_t eptp = ready() | EPTP12_LOGS;
    for (unsigned write = 0; write < 2; write++) {
        const struct reply *rep = trees_violation(eptp, address + 8, write ? WRITE : READ);
        CHECK_EQ(rep->verdict, VERDICT_FORWARD);
        CHECK_EQ(rep->arg[0], EXIT_PML_FULL);
        CHECK_EQ(rep->arg[1] & 7, write ? WRITE : READ);
        CHECK_EQ(rep->arg[3], address + 8);
        CHECK_EQ(trees_entry_now(pt, 0) & (A | D), 0);
        CHECK_EQ(trees_entry_now(pml4, 0) & A, 0);
        CHECK_EQ(trees_count(), 0);
    }
    trees_entry(pml4, 0, trees_entry_now(pml4, 0) | A);
    trees_entry(pdpt, 1, trees_entry_now(pdpt, 1) | A);
    trees_entry(pd, 1, trees_entry_now(pd, 1) | A);
    trees_entry(pt, 0, trees_entry_now(pt, 0) | A);
    CHECK_EQ(trees_violation(eptp, address, READ)->verdict, VERDICT_RESUME);
    CHECK_EQ(trees_leaf(eptp, address)->rights, 5);
    CHECK_EQ(trees_violation(eptp, address, WRITE)->arg[0], EXIT_PML_FULL);
    trees_entry(pt, 0, trees_entry_now(pt, 0) | D);
    CHECK_EQ(trees_violation(eptp, address, WRITE)->verdict, VERDICT_RESUME);
    CHECK_EQ(trees_leaf(eptp, address)->rights, 7);
    // L1 takes the flag away, and says so of the EPTP that it knows.
    trees_entry(pt, 0, trees_entry_now(pt, 0) & ~D);
    trees_invept(INVEPT_SINGLE, eptp & ~EPTP12_LOGS);
    CHECK(trees_leaf(eptp, address) == NULL);
    // What isn't allowed is L1's violation, as ever.
    trees_entry(pt, 0, 0x100000 | WB | 1);
    CHECK_EQ(trees_violation(eptp, address, WRITE)->arg[0], EXIT_EPT_VIOLATION);
}
