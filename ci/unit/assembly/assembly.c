// SPDX-License-Identifier: BSD-2-Clause
// The runtime's assembly as it ships: copies, and accesses to a window whose pages come and go. No sanitizer here: the window's
// addresses are theirs.

#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <caps/addr.h>
#include <caps/layout.h>
#include <rt/string.h>
#include <rt/window.h>

#include "../check.h"

extern const char rt_fixup_first[], rt_fixup_last[], rt_fixup_resume[];

// What the kernel does with a page fault on the window.
static void fault(int number, siginfo_t *info, void *context)
{
    (void)number;
    greg_t *rip = &((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
    const uint64_t address = (uint64_t)(uintptr_t)info->si_addr;
    const bool window = address >= WINDOW_BASE && address < WINDOW_BASE + WINDOW_BYTES;
    if (!window || *rip < (greg_t)(uintptr_t)rt_fixup_first || *rip >= (greg_t)(uintptr_t)rt_fixup_last)
        check_failed("fault", 0, "a page fault outside the window or the fixup range");
    *rip = (greg_t)(uintptr_t)rt_fixup_resume;
}

// Pages 0 and 1 of the window can be written, page 2 read, page 3 isn't there.
static uint8_t *map_window(void)
{
    void *const at = (void *)(uintptr_t)WINDOW_BASE;
    CHECK(mmap(at, 3 * PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == at);
    CHECK(mprotect((uint8_t *)at + 2 * PAGE_BYTES, PAGE_BYTES, PROT_READ) == 0);
    const struct sigaction action = { .sa_sigaction = fault, .sa_flags = SA_SIGINFO | SA_NODEFER };
    CHECK(sigaction(SIGSEGV, &action, NULL) == 0);
    return at;
}

TEST(window_accesses_reach_mapped_pages)
{
    uint8_t *window = map_window();
    uint64_t wide = 0;
    uint32_t narrow = 0;
    CHECK(window_write64(WINDOW_BASE + 8, 0x1122334455667788));
    CHECK(window_read64(WINDOW_BASE + 8, &wide));
    CHECK_EQ(wide, 0x1122334455667788);
    CHECK(window_write32(WINDOW_BASE + 8, 0x99));
    CHECK(window_read32(WINDOW_BASE + 8, &narrow));
    CHECK_EQ(narrow, 0x99);
    CHECK(window_exchange64(WINDOW_BASE + 8, 0x1122334400000099, 5, &wide));
    CHECK_EQ(wide, 0x1122334400000099);
    CHECK(window_exchange64(WINDOW_BASE + 8, 6, 7, &wide));
    CHECK_EQ(wide, 5);
    CHECK(window_exchange32(WINDOW_BASE + 8, 5, 8, &narrow));
    CHECK_EQ(narrow, 5);
    CHECK_EQ(window[8], 8);
}

TEST(window_accesses_fail_where_nothing_is_mapped)
{
    map_window();
    const uint64_t absent = WINDOW_BASE + 3 * PAGE_BYTES, read_only = WINDOW_BASE + 2 * PAGE_BYTES;
    uint64_t wide = 7;
    uint32_t narrow = 7;
    uint8_t bytes[16] = { 0 };
    CHECK(!window_read64(absent, &wide));
    CHECK(!window_read64(absent - 4, &wide));
    CHECK(!window_read32(absent, &narrow));
    CHECK(!window_write64(absent, 1));
    CHECK(!window_write32(absent, 1));
    CHECK(!window_exchange64(absent, 0, 1, &wide));
    CHECK(!window_exchange32(absent, 0, 1, &narrow));
    CHECK(!window_copy_in(bytes, absent - 8, 16));
    CHECK(!window_copy_out(absent, bytes, 1));
    CHECK(window_read64(read_only, &wide) && wide == 0);
    CHECK(!window_write64(read_only, 1));
    CHECK(!window_exchange64(read_only, 0, 1, &wide));
    CHECK(!window_copy_out(read_only - 8, bytes, 16));
    CHECK_EQ(narrow, 7);
}

TEST(window_compare_finds_the_first_difference)
{
    uint64_t *window = (uint64_t *)map_window(), with[8] = { 0 }, equal = 99;
    CHECK(window_compare(WINDOW_BASE, with, 8, &equal));
    CHECK_EQ(equal, 8);
    CHECK(window_compare(WINDOW_BASE, with, 0, &equal));
    CHECK_EQ(equal, 0);
    for (unsigned i = 0; i < 8; i++) {
        window[i] = 1ull << 63;
        CHECK(window_compare(WINDOW_BASE, with, 8, &equal));
        CHECK_EQ(equal, i);
        window[i] = 0;
    }
    CHECK(!window_compare(WINDOW_BASE + 3 * PAGE_BYTES - 8, with, 2, &equal));
    CHECK_EQ(equal, 7);
}

// Tables in pages 0 to 2, one of them twice.
TEST(window_walk_ends_in_a_leaf)
{
    uint64_t *window = (uint64_t *)map_window();
    const uint64_t address = 3ull << 39 | 5ull << 30 | 7ull << 21 | 9ull << 12 | 0x123;
    struct guest_path path;
    window[3] = PAGE_BYTES | 0x8000000000000f07ull;       // page 0, read as the fourth level's
    window[512 + 5] = PAGE_BYTES | 0x8000000000000607ull; // page 1, as the third's and as the second's
    window[512 + 7] = 0x103;                              // back to page 0, as the first's
    window[9] = 0xab081;                                  // bit 7 isn't one there
    CHECK(window_walk(WINDOW_BASE, address, &path));
    CHECK_EQ(path.all, 0x3);
    CHECK_EQ(path.any, PAGE_BYTES | 0x8000000000000f07ull);
    CHECK_EQ(path.table, 0);
    CHECK_EQ(path.entry[0], 0xab081);
    CHECK_EQ(path.entry[1], 0x103);
    CHECK_EQ(path.entry[3], PAGE_BYTES | 0x8000000000000f07ull);
    CHECK_EQ(path.level, 0);
    window[512 + 7] = 0x1c1;                              // a large page
    CHECK(window_walk(WINDOW_BASE, address, &path));
    CHECK_EQ(path.table, PAGE_BYTES);
    CHECK_EQ(path.entry[1], 0x1c1);
    CHECK_EQ(path.level, 1);
    window[512 + 7] = 1ull << 51 | WINDOW_BYTES | 0x102;  // address bits beyond the window lead back into it; whether that is right the caller says
    CHECK(window_walk(WINDOW_BASE, address, &path));
    CHECK_EQ(path.entry[0], 0xab081);
    CHECK_EQ(path.all, 2);
    CHECK_EQ(path.any, PAGE_BYTES | WINDOW_BYTES | 0x8008000000000f07ull);
    window[512 + 7] = 3 * PAGE_BYTES | 1;                 // a table that isn't there
    CHECK(!window_walk(WINDOW_BASE, address, &path));
    window[3] = 0x1081;                                   // a leaf at once: no table's entry was seen
    CHECK(window_walk(WINDOW_BASE, address, &path));
    CHECK_EQ(path.all, ~0ull);
    CHECK_EQ(path.any, 0);
    CHECK_EQ(path.level, 3);
    CHECK(!window_walk(WINDOW_BASE + 3 * PAGE_BYTES, address, &path));
}

TEST(window_retrace_holds_as_long_as_every_entry_is_what_it_was)
{
    uint64_t *window = (uint64_t *)map_window();
    struct guest_trail trail;
    for (unsigned i = 0; i < GUEST_STEPS; i++) {
        window[100 * i] = i << 12 | 0x8000000000000001ull;
        trail.at[i] = WINDOW_BASE + 800 * i;
        trail.entry[i] = window[100 * i];
    }
    CHECK(window_retrace(&trail));
    for (unsigned i = 0; i < GUEST_STEPS; i++) {
        for (unsigned bit = 0; bit < 64; bit += 21) {
            window[100 * i] ^= 1ull << bit;
            CHECK(!window_retrace(&trail));
            window[100 * i] ^= 1ull << bit;
        }
        trail.at[i] += 3 * PAGE_BYTES;  // isn't there
        CHECK(!window_retrace(&trail));
        trail.at[i] -= 3 * PAGE_BYTES;
    }
    CHECK(window_retrace(&trail));
}

TEST(window_rerun_sees_every_change)
{
    uint64_t *window = (uint64_t *)map_window(), with[8] = { 11, 12, 13, 14, 15, 16, 17, 18 };
    struct guest_run run = { .with = with };
    for (unsigned i = 0; i < GUEST_STEPS - 1; i++) {
        window[100 * i] = i << 12 | 0x8000000000000001ull;
        run.above_at[i] = WINDOW_BASE + 800 * i;
        run.above[i] = window[100 * i];
    }
    for (unsigned last = 504; last < 3 * 512; last += 512) {  // the last eight entries of each table
        uint64_t *const entries = window + (last & ~511u) + 504;
        const bool writable = last < 2 * 512;
        run.at = (uint64_t)(uintptr_t)entries;
        for (unsigned i = 0; i < 8; i++) {
            if (writable)
                entries[i] = with[i];
            else
                with[i] = entries[i];
        }
        for (run.qwords = 1; run.qwords <= 8; run.qwords++) {
            CHECK(window_rerun(&run));
            for (unsigned i = 0; i < 8; i++) {
                with[i] ^= 1ull << 63;
                CHECK_EQ(window_rerun(&run), i >= run.qwords);
                with[i] ^= 1ull << 63;
            }
        }
        run.qwords = 8;
        for (unsigned i = 0; i < GUEST_STEPS - 1; i++) {
            window[100 * i] ^= 1ull << 52;
            CHECK(!window_rerun(&run));
            window[100 * i] ^= 1ull << 52;
            run.above_at[i] += 3 * PAGE_BYTES;  // isn't there
            CHECK(!window_rerun(&run));
            run.above_at[i] -= 3 * PAGE_BYTES;
        }
        CHECK(window_rerun(&run));
    }
    run.qwords = 9;  // the last one isn't there
    CHECK(!window_rerun(&run));
}

TEST(window_copies_every_length)
{
    uint8_t *window = map_window(), pattern[64], back[64];
    for (unsigned i = 0; i < sizeof(pattern); i++)
        pattern[i] = (uint8_t)(i + 1);
    for (unsigned bytes = 0; bytes <= 40; bytes++) {
        window[PAGE_BYTES - 5 + bytes] = 0xee;
        CHECK(window_copy_out(WINDOW_BASE + PAGE_BYTES - 5, pattern, bytes));
        CHECK_EQ(window[PAGE_BYTES - 5 + bytes], 0xee);
        for (unsigned i = 0; i < sizeof(back); i++)
            back[i] = 0;
        CHECK(window_copy_in(back, WINDOW_BASE + PAGE_BYTES - 5, bytes));
        for (unsigned i = 0; i < sizeof(back); i++)
            CHECK_EQ(back[i], i < bytes ? pattern[i] : 0);
    }
}

// The names are the C library's: these are the runtime's own, linked into this program.
TEST(copies_and_fills_have_every_length)
{
    for (unsigned bytes = 0; bytes <= 40; bytes++) {
        volatile uint8_t from[48], to[48];
        for (unsigned i = 0; i < sizeof(from); i++) {
            from[i] = (uint8_t)(i + 1);
            to[i] = 0;
        }
        CHECK(memcpy((void *)(uintptr_t)(to + 1), (void *)(uintptr_t)from, bytes) == to + 1);
        for (unsigned i = 0; i < sizeof(to); i++)
            CHECK_EQ(to[i], i >= 1 && i <= bytes ? i : 0);
        CHECK(memset((void *)(uintptr_t)(to + 1), 0xa7, bytes) == to + 1);
        for (unsigned i = 0; i < sizeof(to); i++)
            CHECK_EQ(to[i], i >= 1 && i <= bytes ? 0xa7 : 0);
    }
    CHECK_EQ(memcmp("abc", "abd", 3) < 0, 1);
    CHECK_EQ(memcmp("abd", "abc", 3) > 0, 1);
    CHECK_EQ(memcmp("abc", "abd", 2), 0);
    CHECK_EQ(strlen("twelve chars"), 12);
}
