// SPDX-License-Identifier: BSD-2-Clause
// Mode-based execute control for EPT (SDM 3C 29.3.2 "EPT Translation Mechanism"): bit 2 of an entry is for supervisor-mode linear addresses, bit 10 for
// user-mode ones. Whether an address is one or the other its page tables say, not the privilege level.

#include <caps/addr.h>

#include "ept12.h"
#include "l2.h"
#include "vmx.h"
#include "x86.h"

void execute_tests(void);

L2(execute_fetch, "call *%rsi");
L2(execute_read, "mov (%rsi), %rax");
L2(execute_write, "mov %rax, (%rsi)");

#define EVERY            (EPT_ALL | EPT_EXECUTE_USER)
#define CAP_EXECUTE_ONLY 1ull
#define CAP_ADVANCED     (1ull << 22)
#define QUALIFICATION    0x180ull  // linear address valid, and the access is to the page, not to a paging structure
#define BIT_USER         (1ull << 9)
#define RET              0xc3

// Where L2 fetches from: a supervisor page; a user page at privilege level 3, or at 0, which makes no difference.
enum mode { SUPERVISOR, USER, USER_PAGE, MODES };
static const char *const mode_name[] = { "supervisor", "user", "user_page_cpl0" };

static void start(void)
{
    NEED(PROC2, ENABLE_EPT);
    NEED(PROC2, MODE_BASED_EXECUTE);
    *(uint8_t *)this_cpu()->data = RET;
}

// The place in the window that a leaf for its first page, of 4 KiB or of 2 MiB, makes that of the page at data.
static uint64_t map(bool large, uint64_t rights)
{
    struct cpu *c = this_cpu();
    const uint64_t offset = large ? address(c->data) & (LARGE_BYTES - 1) : 0;
    *(large ? &c->ept_regions[0] : &c->ept_table[0]) = (address(c->data) - offset) | (large ? EPT_LARGE : 0) | EPT_WB | rights;
    ept12_flush();
    return offset;
}

static void fetch(enum mode mode, uint64_t offset)
{
    l2_start(execute_fetch);
    GPR(RSI) = (mode == SUPERVISOR ? WINDOW_SUPERVISOR : WINDOW_LINEAR) + offset;
    if (mode == USER)
        l2_user();
}

// Bits of the qualification that are rights: 5:3, and 6.
static uint64_t shown(uint64_t rights) { return (rights & EPT_ALL) << 3 | (rights & EPT_EXECUTE_USER) >> 4; }

static void want_refused(enum mode mode, uint64_t offset, uint64_t rights)
{
    want_exit(EXIT_EPT_VIOLATION);
    const uint64_t seen = ept12_capabilities() & CAP_ADVANCED ? 0 : BIT_USER;
    expect("qualification", R(EXIT_QUALIFICATION) & ~(seen | 0xc00), EPT_EXECUTE | shown(rights) | QUALIFICATION | (mode == SUPERVISOR || seen ? 0 : BIT_USER));
    expect("guest-physical address", R(GUEST_PHYSICAL_ADDR), WINDOW_PHYSICAL + offset);
    expect("guest-linear address", R(GUEST_LINEAR_ADDR), GPR(RSI));
}

static bool granted(enum mode mode, uint64_t rights) { return rights & (mode == SUPERVISOR ? EPT_EXECUTE : EPT_EXECUTE_USER); }

static void want_fetch(enum mode mode, uint64_t offset, uint64_t rights)
{
    fetch(mode, offset);
    if (granted(mode, rights))
        want_end();
    else
        want_refused(mode, offset, rights);
}

// Combination number n of the four rights, none of them a misconfiguration.
static bool combination(uint64_t n, uint64_t *rights)
{
    *rights = (n & EPT_ALL) | (n & 8 ? EPT_EXECUTE_USER : 0);
    return (n & EPT_READ) || (!(n & EPT_WRITE) && (n == 0 || (ept12_capabilities() & CAP_EXECUTE_ONLY)));
}

static void fetches(uint64_t row)
{
    uint64_t rights;
    start();
    for (unsigned n = 0; n < 16; n++) {
        if (combination(n, &rights))
            want_fetch((enum mode)(row % MODES), map(row >= MODES, rights), rights);
    }
}

// Bits 8 to 3 of the qualification, and whether bit 6 is as it should be.
static void accesses(uint64_t user_right)
{
    uint64_t rights;
    start();
    for (unsigned n = 0; n < 16; n++) {
        for (uint64_t access = EPT_READ; access <= EPT_WRITE && combination(n, &rights); access++) {
            (void)map(false, rights);
            l2_start(access == EPT_READ ? execute_read : execute_write);
            GPR(RSI) = WINDOW_LINEAR;
            GPR(RAX) = RET;
            if (rights & access) {
                want_end();
                continue;
            }
            want_exit(EXIT_EPT_VIOLATION);
            const uint64_t mask = user_right ? 0x40 : 0x1bf;
            expect("qualification", R(EXIT_QUALIFICATION) & mask, (access | shown(rights) | QUALIFICATION) & mask);
        }
    }
}

// Each right is the AND of those of all levels.
static void tables(uint64_t unused)
{
    (void)unused;
    static const uint64_t above[] = { EVERY, EPT_READ | EPT_EXECUTE, EPT_READ | EPT_EXECUTE_USER, EPT_EXECUTE_USER, EPT_EXECUTE, EPT_READ };
    struct cpu *c = this_cpu();
    uint64_t rights;
    start();
    for (unsigned i = 0; i < sizeof(above) / sizeof(above[0]); i++) {
        if (!(above[i] & EPT_READ) && !(ept12_capabilities() & CAP_EXECUTE_ONLY))
            continue;
        c->ept_regions[0] = address(c->ept_table) | above[i];
        for (unsigned n = 1; n < 16; n++) {
            if (!combination(n, &rights))
                continue;
            (void)map(false, rights);
            want_fetch(SUPERVISOR, 0, above[i] & rights);
            want_fetch(USER_PAGE, 0, above[i] & rights);
        }
    }
}

// Entries that can't be (SDM 3C 29.3.3.1 "EPT Misconfigurations"): one that has bit 10 alone is present.
static const struct wrong { const char *name; bool large; uint64_t entry, unless; } wrong[] = {
    { "write", false, EPT_WB | EPT_WRITE | EPT_EXECUTE_USER, 0 },
    { "write_execute", false, EPT_WB | EPT_WRITE | EPT_EXECUTE | EPT_EXECUTE_USER, 0 },
    { "execute_only", false, EPT_WB | EPT_EXECUTE_USER, CAP_EXECUTE_ONLY },
    { "memory_type_2", false, 2 << 3 | EPT_EXECUTE_USER, 0 },
    { "memory_type_7", false, 7 << 3 | EPT_EXECUTE_USER, 0 },
    { "wide", false, 1ull << 51 | EPT_WB | EPT_EXECUTE_USER, 0 },
    { "large_memory_type_3", true, EPT_LARGE | 3 << 3 | EPT_EXECUTE_USER, 0 },
    { "table_reserved", true, EPT_EXECUTE_USER | 1 << 4, 0 },
    { "table_write", true, EPT_EXECUTE_USER | EPT_WRITE, 0 },
    { "table_wide", true, 1ull << 50 | EPT_EXECUTE_USER, 0 },
};

static void misconfigured(uint64_t row)
{
    const struct wrong *w = &wrong[row];
    start();
    if (w->unless & ept12_capabilities())
        test_skip("the CPU allows it");
    *(w->large ? &this_cpu()->ept_regions[0] : &this_cpu()->ept_table[0]) = w->entry;
    ept12_flush();
    fetch(USER_PAGE, 0);
    want_exit(EXIT_EPT_MISCONFIG);
    expect("guest-physical address", R(GUEST_PHYSICAL_ADDR), WINDOW_PHYSICAL);
    if (w->large)
        return;
    // Without the control nothing is present that has no right but this one.
    CLEAR(PROC2, MODE_BASED_EXECUTE);
    fetch(USER_PAGE, 0);
    want_exit(w->entry & EPT_ALL ? EXIT_EPT_MISCONFIG : EXIT_EPT_VIOLATION);
}

// The same EPT12 with and without the control.
static void off_and_on(uint64_t unused)
{
    (void)unused;
    static const uint64_t rights[] = { EPT_READ | EPT_EXECUTE, EPT_READ | EPT_EXECUTE_USER, EVERY, EPT_EXECUTE_USER };
    for (unsigned round = 0; round < 8; round++) {
        const uint64_t r = rights[round / 2];
        start();
        if (!(r & EPT_READ) && !(ept12_capabilities() & CAP_EXECUTE_ONLY))
            continue;
        if (round % 2 == 0) {
            CLEAR(PROC2, MODE_BASED_EXECUTE);
            (void)map(false, r);
            fetch(USER_PAGE, 0);
            if (r & EPT_EXECUTE) {
                want_end();
                continue;
            }
            want_exit(EXIT_EPT_VIOLATION);  // bit 6 is undefined
            expect("qualification", R(EXIT_QUALIFICATION) & 0x1bf, EPT_EXECUTE | (r & EPT_ALL) << 3 | QUALIFICATION);
        } else {
            ept12_flush();
            want_fetch(SUPERVISOR, 0, r);
            want_fetch(USER_PAGE, 0, r);
        }
    }
}

// A right that L1 adds counts at once, one that it takes away after INVEPT.
static void changed(uint64_t unused)
{
    (void)unused;
    struct cpu *c = this_cpu();
    const uint64_t user = EPT_READ | EPT_EXECUTE_USER, both = user | EPT_EXECUTE;
    start();
    (void)map(false, user);
    want_fetch(USER_PAGE, 0, user);
    want_fetch(SUPERVISOR, 0, user);
    c->ept_table[0] |= EPT_EXECUTE;
    want_end();
    want_fetch(USER_PAGE, 0, both);
    (void)map(false, both & ~(uint64_t)EPT_EXECUTE_USER);
    want_fetch(SUPERVISOR, 0, both & ~(uint64_t)EPT_EXECUTE_USER);
    want_fetch(USER_PAGE, 0, both & ~(uint64_t)EPT_EXECUTE_USER);
    c->ept_regions[0] = address(c->ept_table) | EPT_READ | EPT_EXECUTE_USER;
    ept12_map(0, address(c->data) | EPT_WB | EVERY);
    ept12_flush();
    want_fetch(USER_PAGE, 0, user);
    want_fetch(SUPERVISOR, 0, user);
}

void execute_tests(void)
{
    for (uint64_t row = 0; row < 2 * MODES; row++)
        test_row(row < MODES ? "fetches_4k" : "fetches_2m", mode_name[row % MODES], fetches, row);
    static const char *const part[] = { "accesses", "user_right" };
    for (uint64_t row = 0; row < 2; row++)
        test_row("qualification", part[row], accesses, row);
    TEST(tables);
    for (uint64_t row = 0; row < sizeof(wrong) / sizeof(wrong[0]); row++)
        test_row("misconfigured", wrong[row].name, misconfigured, row);
    TEST(off_and_on);
    TEST(changed);
}
