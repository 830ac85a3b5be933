// SPDX-License-Identifier: BSD-2-Clause
// The page walk, mode by mode.

#include <rt/linear.h>
#include <rt/walk.h>

#include "harness.h"

#define P  1ull
#define W  2ull
#define U  4ull
#define A  0x20ull
#define D  0x40ull
#define PS 0x80ull
#define NX (1ull << 63)

// Tables at 0x10000 (root), 0x11000, 0x12000, 0x13000; the page at 0x400000.
static uint64_t *entry(uint64_t table, unsigned index) { return (uint64_t *)world_at(table) + index; }
static uint32_t *entry32(uint64_t table, unsigned index) { return (uint32_t *)world_at(table) + index; }

static struct paging long_mode(void)
{
    *entry(0x10000, 1) = 0x11000 | P | W | U;
    *entry(0x11000, 2) = 0x12000 | P | W | U;
    *entry(0x12000, 3) = 0x13000 | P | W | U;
    *entry(0x13000, 4) = 0x400000 | P | W | U;
    return (struct paging){ .mode = PAGING_4_LEVEL, .cr3 = 0x10000 | 0x805, .long_code = true, .no_execute = true, .write_protect = true };
}
#define LINEAR ((1ull << 39) | (2ull << 30) | (3ull << 21) | (4ull << 12) | 0x123)

static gpa1_t out;
static uint32_t error;
static enum walk walk(const struct paging *paging, uint64_t linear, unsigned access)
{
    error = ~0u;
    return walk_linear(paging, (gva_t){ linear }, access, &out, &error);
}

TEST(walk_4_level_translates_and_marks)
{
    const struct paging paging = long_mode();
    CHECK_EQ(walk(&paging, LINEAR, ACCESS_READ), WALK_OK);
    CHECK_EQ(out.v, 0x400123);
    CHECK_EQ(*entry(0x10000, 1), 0x11000 | P | W | U | A);
    CHECK_EQ(*entry(0x11000, 2), 0x12000 | P | W | U | A);
    CHECK_EQ(*entry(0x12000, 3), 0x13000 | P | W | U | A);
    CHECK_EQ(*entry(0x13000, 4), 0x400000 | P | W | U | A);
    CHECK_EQ(walk(&paging, LINEAR, ACCESS_WRITE), WALK_OK);
    CHECK_EQ(*entry(0x13000, 4), 0x400000 | P | W | U | A | D);
    CHECK_EQ(*entry(0x12000, 3), 0x13000 | P | W | U | A);
}

TEST(walk_4_level_large_pages)
{
    struct paging paging = long_mode();
    *entry(0x12000, 3) = 0x800000 | P | W | PS | 0x1000;  // PAT is bit 12
    CHECK_EQ(walk(&paging, LINEAR, ACCESS_WRITE), WALK_OK);
    CHECK_EQ(out.v, 0x800000 | (LINEAR & 0x1fffff));
    CHECK_EQ(*entry(0x12000, 3) & (A | D), A | D);
    *entry(0x11000, 2) = (1ull << 30) | P | W | PS;
    CHECK_EQ(walk(&paging, LINEAR, ACCESS_READ), WALK_OK);
    CHECK_EQ(out.v, (1ull << 30) | (LINEAR & 0x3fffffff));
}

static uint64_t random_state = 1;
static uint64_t random_bits(void) { return random_state = random_state * 6364136223846793005ull + 1442695040888963407ull, random_state >> 20; }

// The first walk sets the flags, the second finds all of them set, and may take a shorter way: to the same end.
TEST(walk_4_level_twice_is_the_same)
{
    static const uint64_t table[] = { 0x10000, 0x11000, 0x12000, 0x13000 };
    unsigned ok = 0, faults = 0;
    for (unsigned run = 0; run < 50000; run++) {
        struct paging paging = long_mode();
        for (unsigned level = 0; level < 4; level++) {
            uint64_t *e = entry(table[level], level + 1), flags = random_bits();
            // Present, writable and supervisor mostly; every other bit now and then, reserved ones among them.
            *e ^= (flags % 16 == 0 ? W : 0) | (flags % 32 == 1 ? P : 0) | (flags & 0x100 ? U : 0);
            if (flags % 8 == 3)
                *e |= PS;
            if (flags % 32 == 5)
                *e ^= 1ull << (random_bits() % 64);
        }
        paging.no_execute = random_bits() % 4 != 0;
        paging.write_protect = random_bits() % 2;
        paging.smap = random_bits() % 2;
        const unsigned access = random_bits() % 2 ? ACCESS_WRITE : ACCESS_READ;
        const enum walk first = walk(&paging, LINEAR, access);
        const gpa1_t first_out = out;
        const uint32_t first_error = error;
        CHECK_EQ(walk(&paging, LINEAR, access), first);
        if (first == WALK_OK)
            CHECK_EQ(out.v, first_out.v);
        else
            CHECK_EQ(error, first_error);
        ok += first == WALK_OK;
        faults += first == WALK_FAULT;
    }
    CHECK(ok > 10000);
    CHECK(faults > 10000);
}

TEST(walk_faults_where_nothing_is_present)
{
    struct paging paging = long_mode();
    *entry(0x13000, 4) = 0;
    CHECK_EQ(walk(&paging, LINEAR, ACCESS_READ), WALK_FAULT);
    CHECK_EQ(error, 0);
    paging.user = true;
    CHECK_EQ(walk(&paging, LINEAR, ACCESS_WRITE), WALK_FAULT);
    CHECK_EQ(error, 6);
    CHECK_EQ(walk(&paging, LINEAR, ACCESS_EXECUTE), WALK_FAULT);
    CHECK_EQ(error, 0x14);
    CHECK_EQ(walk(&paging, LINEAR, ACCESS_WRITE | ACCESS_SYSTEM), WALK_FAULT);
    CHECK_EQ(error, 2);
    CHECK_EQ(*entry(0x10000, 1) & A, 0);
}

TEST(walk_checks_rights)
{
    struct paging paging = long_mode();
    *entry(0x12000, 3) &= ~(W | U);  // supervisor, read-only
    CHECK_EQ(walk(&paging, LINEAR, ACCESS_WRITE), WALK_FAULT);
    CHECK_EQ(error, 3);
    paging.write_protect = false;
    CHECK_EQ(walk(&paging, LINEAR, ACCESS_WRITE), WALK_OK);
    paging.user = true;
    CHECK_EQ(walk(&paging, LINEAR, ACCESS_READ), WALK_FAULT);
    CHECK_EQ(error, 5);
    CHECK_EQ(walk(&paging, LINEAR, ACCESS_READ | ACCESS_SYSTEM), WALK_OK);
    paging.user = false;
    *entry(0x11000, 2) |= NX;
    CHECK_EQ(walk(&paging, LINEAR, ACCESS_EXECUTE), WALK_FAULT);
    CHECK_EQ(error, 0x11);
    paging.no_execute = false;
    CHECK_EQ(walk(&paging, LINEAR, ACCESS_READ), WALK_FAULT);
    CHECK_EQ(error, 9);
}

TEST(walk_keeps_smep_and_smap)
{
    struct paging paging = long_mode();
    CHECK_EQ(walk(&paging, LINEAR, ACCESS_EXECUTE), WALK_OK);
    paging.smep = true;
    CHECK_EQ(walk(&paging, LINEAR, ACCESS_EXECUTE), WALK_FAULT);
    CHECK_EQ(error, 0x11);
    CHECK_EQ(walk(&paging, LINEAR, ACCESS_READ), WALK_OK);
    paging.smap = true;
    CHECK_EQ(walk(&paging, LINEAR, ACCESS_READ), WALK_FAULT);
    CHECK_EQ(error, 1);
    paging.alignment_check = true;
    CHECK_EQ(walk(&paging, LINEAR, ACCESS_READ), WALK_OK);
    CHECK_EQ(walk(&paging, LINEAR, ACCESS_READ | ACCESS_SYSTEM), WALK_FAULT);
    paging.user = true;
    CHECK_EQ(walk(&paging, LINEAR, ACCESS_EXECUTE), WALK_OK);
}

TEST(walk_finds_reserved_bits)
{
    struct paging paging = long_mode();
    const struct { uint64_t table; unsigned index; uint64_t bits; } bad[] = {
        { 0x10000, 1, PS }, { 0x10000, 1, 1ull << 40 }, { 0x11000, 2, 1ull << 51 }, { 0x13000, 4, 1ull << 40 },
        { 0x11000, 2, PS | 0x2000 }, { 0x12000, 3, PS | 0x2000 }, { 0x12000, 3, PS | 0x100000 },
    };
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        long_mode();
        *entry(bad[i].table, bad[i].index) |= bad[i].bits;
        CHECK_EQ(walk(&paging, LINEAR, ACCESS_WRITE), WALK_FAULT);
        CHECK_EQ(error, 0xb);
    }
}

TEST(walk_needs_canonical_addresses)
{
    struct paging paging = long_mode();
    CHECK_EQ(walk(&paging, 1ull << 47, ACCESS_READ), WALK_NON_CANONICAL);
    CHECK_EQ(walk(&paging, 0xffff800000000000, ACCESS_READ), WALK_FAULT);
    paging.long_code = false;  // compatibility mode: 32 bits
    CHECK_EQ(walk(&paging, 1ull << 47, ACCESS_READ), WALK_FAULT);
    paging.mode = PAGING_5_LEVEL;
    CHECK_EQ(walk(&paging, 0, ACCESS_READ), WALK_UNSUPPORTED);
}

TEST(walk_says_where_a_table_is_not_mapped)
{
    struct paging paging = long_mode();
    world_unmap(0x12000, 1);
    CHECK_EQ(walk(&paging, LINEAR, ACCESS_READ), WALK_UNMAPPED);
    paging.cr3 = 0x000ffffffffff000;
    CHECK_EQ(walk(&paging, LINEAR, ACCESS_READ), WALK_UNMAPPED);
}

TEST(walk_32_bit)
{
    struct paging paging = { .mode = PAGING_32, .cr3 = 0x10018, .write_protect = true };
    *entry32(0x10000, 0x3ff) = 0x11000 | P | W;
    *entry32(0x11000, 0x3fe) = 0x400000 | P | W;
    CHECK_EQ(walk(&paging, 0xffffffffffffe456, ACCESS_WRITE), WALK_OK);
    CHECK_EQ(out.v, 0x400456);
    CHECK_EQ(*entry32(0x11000, 0x3fe), 0x400000 | P | W | A | D);
    CHECK_EQ(*entry32(0x10000, 0x3ff), 0x11000 | P | W | A);
    CHECK_EQ(*entry32(0x11000, 0x3ff), 0);
    CHECK_EQ(walk(&paging, 0xffffffff, ACCESS_READ), WALK_FAULT);
    CHECK_EQ(error, 0);
    *entry32(0x10000, 0) = 0xc00000 | P | PS | (3u << 13);
    paging.large_32 = true;
    CHECK_EQ(walk(&paging, 0x234567, ACCESS_READ), WALK_OK);
    CHECK_EQ(out.v, 0x300e34567);
    world_info.physical_bits = 33;  // the second of the two isn't there
    CHECK_EQ(walk(&paging, 0x234567, ACCESS_READ), WALK_FAULT);
    CHECK_EQ(error, 9);
    world_info.physical_bits = 46;
    *entry32(0x10000, 0) |= 1u << 21;
    CHECK_EQ(walk(&paging, 0x234567, ACCESS_READ), WALK_FAULT);
    CHECK_EQ(error, 9);
}

TEST(walk_pae)
{
    struct paging paging = { .mode = PAGING_PAE, .cr3 = 0x10fe0, .write_protect = true };
    *entry(0x10fe0, 3) = 0x11000 | P;
    *entry(0x11000, 0x1ff) = 0x12000 | P | W;
    *entry(0x12000, 0x1ff) = 0x400000 | P | W;
    CHECK_EQ(walk(&paging, 0xfffff789, ACCESS_WRITE), WALK_OK);
    CHECK_EQ(out.v, 0x400789);
    CHECK_EQ(*entry(0x10fe0, 3), 0x11000 | P);
    CHECK_EQ(walk(&paging, 0, ACCESS_READ), WALK_FAULT);
    paging.pdpte_known = true;
    paging.pdpte[0] = 0x13000 | P;
    *entry(0x13000, 1) = 0x800000 | P | PS;
    CHECK_EQ(walk(&paging, 0x200000, ACCESS_READ), WALK_OK);
    CHECK_EQ(out.v, 0x800000);
    *entry(0x13000, 1) |= 1ull << 52;
    CHECK_EQ(walk(&paging, 0x200000, ACCESS_READ), WALK_FAULT);
    CHECK_EQ(error, 9);
}

TEST(walk_without_paging)
{
    const struct paging paging = { .mode = PAGING_NONE };
    CHECK_EQ(walk(&paging, 0x1234567812345678, ACCESS_WRITE), WALK_OK);
    CHECK_EQ(out.v, 0x12345678);
}

TEST(linear_copies_cross_pages)
{
    const struct paging paging = long_mode();
    gva_t fault = { 0 };
    uint64_t value = 0x1122334455667788;
    *entry(0x13000, 5) = 0x700000 | P | W;
    const gva_t at = { (LINEAR & ~0xfffull) | 0xffc };
    CHECK_EQ(linear_copy_out(&paging, at, &value, 8, 0, &fault, &error), WALK_OK);
    CHECK_EQ(*(uint32_t *)world_at(0x400ffc), 0x55667788);
    CHECK_EQ(*(uint32_t *)world_at(0x700000), 0x11223344);
    value = 0;
    CHECK_EQ(linear_copy_in(&paging, &value, at, 8, 0, &fault, &error), WALK_OK);
    CHECK_EQ(value, 0x1122334455667788);
    *entry(0x13000, 5) = 0x700000 | P;
    value = 0;
    CHECK_EQ(linear_copy_out(&paging, at, &value, 8, 0, &fault, &error), WALK_FAULT);
    CHECK_EQ(fault.v, (LINEAR & ~0xfffull) + 0x1000);
    CHECK_EQ(error, 3);
    CHECK_EQ(*(uint32_t *)world_at(0x400ffc), 0x55667788);
}

TEST(paging_comes_from_the_request)
{
    struct request req = { .groups = 0 };
    uint64_t *f = req.field[0];
    f[VMCS_GUEST_CR3] = 0x1000;
    CHECK_EQ(paging_from_request(&req).mode, PAGING_NONE);
    f[VMCS_GUEST_CR0] = 0x80010001;
    f[VMCS_GUEST_SS_ACCESS_RIGHTS] = 0xf3;
    CHECK_EQ(paging_from_request(&req).mode, PAGING_32);
    CHECK(paging_from_request(&req).user && paging_from_request(&req).write_protect);
    f[VMCS_GUEST_CR4] = 0x20;
    CHECK_EQ(paging_from_request(&req).mode, PAGING_PAE);
    f[VMCS_GUEST_EFER] = 0xd01;
    f[VMCS_GUEST_CS_ACCESS_RIGHTS] = 0xa09b;
    CHECK_EQ(paging_from_request(&req).mode, PAGING_4_LEVEL);
    CHECK(paging_from_request(&req).long_code && paging_from_request(&req).no_execute);
    f[VMCS_GUEST_CR4] |= 0x1000;
    CHECK_EQ(paging_from_request(&req).mode, PAGING_5_LEVEL);
}
