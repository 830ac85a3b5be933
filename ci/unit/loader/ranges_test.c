// SPDX-License-Identifier: BSD-2-Clause
// Memory maps in any order, with overlaps, too long.
#include "../../../kernel/loader/ranges.h"

#include <string.h>

#include <caps/addr.h>

#include "check.h"

static struct boot_range range[BOOT_RANGES];
static uint32_t count;

struct row { struct efi_memory descriptor; uint64_t more; };  // firmware's descriptors may be longer than ours

static bool build(const struct row *rows, size_t rows_count) { return ranges_build(range, &count, rows, rows_count * sizeof(*rows), sizeof(*rows)); }

static void is(unsigned i, uint64_t base, uint64_t end, uint32_t kind)
{
    CHECK(i < count);
    CHECK_EQ(range[i].base, base);
    CHECK_EQ(range[i].bytes, end - base);
    CHECK_EQ(range[i].kind, kind);
}

#define ROW(number, first, last) {.descriptor = {.type = number, .physical = first, .pages = ((last) - (first)) / PAGE_BYTES}}

TEST(ranges_are_sorted_and_merged)
{
    static const struct row rows[] = {
        ROW(7, 0x100000, 0x200000), ROW(0, 0x200000, 0x400000), ROW(9, 0x500000, 0x600000), ROW(10, 0x600000, 0x700000),
        ROW(4, 0x0, 0xa0000),       ROW(1, 0xfe000, 0x100000),  ROW(11, 0xfec00000, 0xfec01000), ROW(6, 0x480000, 0x500000),
        ROW(99, 0x700000, 0x701000),
    };
    CHECK(build(rows, sizeof(rows) / sizeof(rows[0])));
    CHECK_EQ(count, 7);
    is(0, 0, 0xa0000, RANGE_RAM);
    is(1, 0xfe000, 0x200000, RANGE_RAM);
    is(2, 0x200000, 0x400000, RANGE_RESERVED);
    is(3, 0x480000, 0x500000, RANGE_RAM);
    is(4, 0x500000, 0x700000, RANGE_ACPI);
    is(5, 0x700000, 0x701000, RANGE_RESERVED);
    is(6, 0xfec00000, 0xfec01000, RANGE_MMIO);
    CHECK(ranges_hold(range, count, 0xfe000, 0x102000));
    CHECK(!ranges_hold(range, count, 0xfe000, 0x102001));
    CHECK(!ranges_hold(range, count, 0xb0000, 1));
    CHECK(!ranges_hold(range, count, 0xfec00000, 1));
    CHECK(!ranges_hold(range, count, 0x5fffff, ~0ull));
}

TEST(ranges_never_overlap)
{
    static const struct row rows[] = {ROW(7, 0x1000, 0x5000), ROW(0, 0x3000, 0x8000), ROW(9, 0x4000, 0x5000), ROW(7, 0x3000, 0x4000), ROW(7, 0x9000, 0x9000)};
    CHECK(build(rows, sizeof(rows) / sizeof(rows[0])));
    CHECK_EQ(count, 2);
    is(0, 0x1000, 0x5000, RANGE_RAM);
    is(1, 0x5000, 0x8000, RANGE_RESERVED);
}

TEST(ranges_bear_absurd_descriptors)
{
    static const struct row rows[] = {
        {.descriptor = {.type = 7, .physical = 0x1000, .pages = ~0ull}},
        {.descriptor = {.type = 0, .physical = ~0ull, .pages = 1}},
        {.descriptor = {.type = 0, .physical = ~0ull - 4095, .pages = ~0ull}},
    };
    CHECK(build(rows, 3));
    CHECK_EQ(count, 1);
    is(0, 0x1000, PAGE_MASK, RANGE_RAM);
    CHECK(build(rows, 0));
    CHECK_EQ(count, 0);
    CHECK(!ranges_build(range, &count, rows, sizeof(rows), 8));
    // A map that isn't a whole number of descriptors: the rest doesn't count.
    CHECK(ranges_build(range, &count, rows, sizeof(rows[0]) + 20, sizeof(rows[0])));
    CHECK_EQ(count, 1);
}

TEST(ranges_end_behind_all_memory)
{
    static const struct row rows[] = {ROW(7, 0, 0x1000), ROW(7, 4ull << 30, 6ull << 30), ROW(11, 8ull << 30, 9ull << 30)};
    CHECK(build(rows, 3));
    CHECK_EQ(ranges_end(range, 1), 4ull << 30);
    CHECK_EQ(ranges_end(range, 2), 6ull << 30);
    CHECK_EQ(ranges_end(range, count), 6ull << 30);
    CHECK_EQ(ranges_end(range, 0), 4ull << 30);
}

TEST(ranges_too_many_is_an_error)
{
    static struct row rows[BOOT_RANGES + 1];
    for (unsigned i = 0; i <= BOOT_RANGES; i++)
        rows[i] = (struct row)ROW(7, i * 0x2000ull, i * 0x2000ull + 0x1000);
    CHECK(build(rows, BOOT_RANGES));
    CHECK(!build(rows, BOOT_RANGES + 1));
}
