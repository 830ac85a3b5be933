// SPDX-License-Identifier: BSD-2-Clause
// Access to L1's memory: bounds, unmapped pages, page borders.

#include <string.h>

#include <caps/layout.h>
#include <rt/guest.h>

#include "harness.h"

TEST(guest_reads_and_writes_what_is_mapped)
{
    uint64_t wide = 0;
    uint32_t narrow = 0;
    CHECK(guest_write64((gpa1_t){ 0x1000 }, 0x1122334455667788));
    CHECK(guest_read64((gpa1_t){ 0x1000 }, &wide));
    CHECK_EQ(wide, 0x1122334455667788);
    CHECK(guest_read32((gpa1_t){ 0x1004 }, &narrow));
    CHECK_EQ(narrow, 0x11223344);
    CHECK(guest_write32((gpa1_t){ 0x1000 }, 1));
    CHECK(guest_read64((gpa1_t){ 0x1000 }, &wide));
    CHECK_EQ(wide, 0x1122334400000001);
}

TEST(guest_access_fails_beyond_the_window)
{
    uint64_t value = 7;
    const uint64_t bad[] = { WINDOW_BYTES, WINDOW_BYTES - 7, ~0ull, ~0ull - 7, 1ull << 63, 0 - WINDOW_BASE };
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK(!guest_read64((gpa1_t){ bad[i] }, &value));
        CHECK(!guest_write64((gpa1_t){ bad[i] }, 1));
        CHECK(!guest_copy_in(&value, (gpa1_t){ bad[i] }, 8));
        CHECK(!guest_copy_out((gpa1_t){ bad[i] }, &value, 8));
        CHECK(!guest_exchange64((gpa1_t){ bad[i] }, 0, 1, &value));
    }
    CHECK_EQ(value, 7);
    CHECK(!guest_copy_in(&value, (gpa1_t){ 0 }, ~0ull));
    CHECK(!guest_copy_in(&value, (gpa1_t){ 16 }, 0 - 8ull));
}

TEST(guest_access_fails_where_nothing_is_mapped)
{
    uint64_t value = 7;
    world_unmap(0x5000, 0x1000);
    CHECK(!guest_read64((gpa1_t){ 0x5000 }, &value));
    CHECK(!guest_read64((gpa1_t){ 0x4ffc }, &value));
    CHECK(!guest_write64((gpa1_t){ 0x4ffc }, ~0ull));
    CHECK_EQ(*(uint32_t *)world_at(0x4ffc), 0);
    CHECK(!guest_exchange32((gpa1_t){ 0x5ffc }, 0, 1, (uint32_t *)&value));
    CHECK_EQ(value, 7);
    CHECK(guest_read64((gpa1_t){ 0x6000 }, &value));
}

TEST(guest_copies_across_pages)
{
    static uint8_t out[8192], in[8192];
    for (unsigned i = 0; i < sizeof(out); i++)
        out[i] = (uint8_t)(i * 7);
    CHECK(guest_copy_out((gpa1_t){ 0x2fff }, out, sizeof(out)));
    CHECK(guest_copy_in(in, (gpa1_t){ 0x2fff }, sizeof(in)));
    CHECK(memcmp(in, out, sizeof(in)) == 0);
    world_unmap(0x4000, 1);
    CHECK(!guest_copy_in(in, (gpa1_t){ 0x2fff }, sizeof(in)));
    CHECK(guest_copy_in(in, (gpa1_t){ 0x2fff }, 0x1001));
}

TEST(guest_exchange_tells_what_it_found)
{
    uint64_t found = 0;
    CHECK(guest_exchange64((gpa1_t){ 0x100 }, 0, 5, &found));
    CHECK_EQ(found, 0);
    CHECK(guest_exchange64((gpa1_t){ 0x100 }, 0, 6, &found));
    CHECK_EQ(found, 5);
    CHECK_EQ(*(uint64_t *)world_at(0x100), 5);
}

// A walk's entries above a table of each level, and the run there.
TEST(guest_runs_hold_until_something_changes)
{
    const uint64_t address = 3ull << 39 | 5ull << 30 | 7ull << 21 | 9ull << 12;
    const uint64_t path[] = { 0, 0x14007, 0x13007, 0x12007 }, with[2] = { 0x21, 0x22 };
    const uint64_t top = 0x11000, entry[] = { 0x14000 + 9 * 8, 0x13000 + 7 * 8, 0x12000 + 5 * 8, top + 3 * 8 };
    struct guest_run run;
    for (unsigned level = 0; level < 3; level++) {
        for (unsigned above = level + 1; above < 4; above++)
            *(uint64_t *)world_at(entry[above]) = path[above];
        uint64_t *const at = world_at(entry[level]);
        at[0] = with[0];
        at[1] = with[1];
        CHECK(guest_run_keep((gpa1_t){ top }, address, level, path, with, 2, &run));
        CHECK(guest_run_holds(&run));
        for (unsigned above = level + 1; above < 4; above++) {
            *(uint64_t *)world_at(entry[above]) ^= 1ull << 52;
            CHECK(!guest_run_holds(&run));
            *(uint64_t *)world_at(entry[above]) ^= 1ull << 52;
        }
        at[1] ^= 1;
        CHECK(!guest_run_holds(&run));
        at[1] ^= 1;
        CHECK(guest_run_holds(&run));
    }
}

TEST(guest_runs_stay_in_their_tables_and_in_the_window)
{
    uint64_t path[] = { 0, 0x14007, 0x13007, 0x12007 };
    struct guest_run run;
    CHECK(guest_run_keep((gpa1_t){ 0x11000 }, 511ull << 12, 0, path, path, 1, &run));
    CHECK(!guest_run_keep((gpa1_t){ 0x11000 }, 511ull << 12, 0, path, path, 2, &run));
    CHECK(!guest_run_keep((gpa1_t){ 0x11000 }, 0, 2, path, path, 513, &run));
    CHECK(!guest_run_keep((gpa1_t){ 0x11000 }, 0, 2, path, path, ~0ull, &run));
    CHECK(!guest_run_keep((gpa1_t){ WINDOW_BYTES }, 0, 2, path, path, 1, &run));
    for (unsigned level = 1; level < 4; level++) {
        path[level] |= WINDOW_BYTES;
        CHECK(!guest_run_keep((gpa1_t){ 0x11000 }, 0, 0, path, path, 1, &run));
        path[level] &= ~WINDOW_BYTES;
    }
    CHECK(guest_run_keep((gpa1_t){ 0x11000 }, 0, 0, path, path, 1, &run));
}
