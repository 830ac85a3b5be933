// SPDX-License-Identifier: BSD-2-Clause
// Page-modification logging (SDM 3C 29.3.6 "Page-Modification Logging").

#include <caps/addr.h>

#include "ept12.h"
#include "l2.h"
#include "vmx.h"

void pml_tests(void);

// RSI: where.
L2(pml_read, "mov (%rsi), %rax");
L2(pml_write, "mov %rbx, (%rsi)");
L2(pml_write_two, "mov %rbx, (%rsi)\n\tmov %rbx, 0x1000(%rsi)\n\tmov %rbx, 8(%rsi)");

#define VALUE   0x5a5a5a5a5a5a5a5aull
#define LAST    511u
#define CAP_AD  (1ull << 21)
#define WARM    7u  // a page of the window that is there for nothing else
#define FLAGS   (EPT_ACCESSED | EPT_DIRTY)

static uint64_t *log(void) { return this_cpu()->page_a; }
static uint64_t leaf(unsigned page) { return this_cpu()->ept_table[page]; }

static void run(const char *code, uint64_t linear)
{
    l2_start(code);
    GPR(RSI) = linear;
    GPR(RBX) = VALUE;
}

// The window's first pages are those at data, neither accessed nor dirty. The memory that L2 needs for itself is dirty already: only the window is logged from here on.
static void start(uint64_t index)
{
    struct cpu *c = this_cpu();
    NEED(PROC2, ENABLE_PML);
    NEED(PROC2, ENABLE_EPT);
    if (!(ept12_capabilities() & CAP_AD))
        test_skip("no EPT accessed and dirty flags");
    CLEAR(PROC2, ENABLE_PML);
    W(EPTP, R(EPTP) | 1 << 6);
    for (unsigned page = 0; page < 2; page++)
        ept12_map(page, (address(c->data) + page * PAGE_BYTES) | EPT_WB | EPT_ALL);
    ept12_map(WARM, address(c->page_c) | EPT_WB | EPT_ALL);
    ept12_flush();
    const char *const all[] = { pml_read, pml_write };
    for (unsigned i = 0; i < 2; i++) {
        run(all[i], WINDOW_LINEAR + WARM * PAGE_BYTES);
        want_end();
    }
    W(PML_ADDR, address(log()));
    W(PML_INDEX, index);
    NEED(PROC2, ENABLE_PML);
    for (unsigned i = 0; i <= LAST; i++)
        log()[i] = 0;
    c->data[0] = 0;
}

static void writes(uint64_t unused)
{
    (void)unused;
    start(LAST);
    run(pml_write_two, WINDOW_LINEAR + 0x10);
    want_end();
    expect("index", R(PML_INDEX), LAST - 2);
    expect("first entry", log()[LAST] & PAGE_MASK, WINDOW_PHYSICAL);
    expect("second entry", log()[LAST - 1] & PAGE_MASK, WINDOW_PHYSICAL + PAGE_BYTES);
    expect("third entry", log()[LAST - 2], 0);
    expect("flags of the first page", leaf(0) & FLAGS, FLAGS);
    expect("flags of the second", leaf(1) & FLAGS, FLAGS);
    expect("what was written", this_cpu()->data[2], VALUE);
    // What is dirty isn't logged again, until the flag is gone.
    run(pml_write_two, WINDOW_LINEAR);
    want_end();
    expect("index once more", R(PML_INDEX), LAST - 2);
    ept12_map(1, leaf(1) & ~EPT_DIRTY);
    ept12_flush();
    run(pml_write_two, WINDOW_LINEAR);
    want_end();
    expect("index without the flag", R(PML_INDEX), LAST - 3);
    expect("its entry", log()[LAST - 2] & PAGE_MASK, WINDOW_PHYSICAL + PAGE_BYTES);
}

static void reads(uint64_t unused)
{
    (void)unused;
    start(LAST);
    run(pml_read, WINDOW_LINEAR);
    want_end();
    expect("flags", leaf(0) & FLAGS, EPT_ACCESSED);
    expect("index", R(PML_INDEX), LAST);
    run(pml_write, WINDOW_LINEAR);
    want_end();
    expect("index after a write", R(PML_INDEX), LAST - 1);
}

// The exit comes before the access. An emulator may have it earlier than that, for any translation.
static void full(uint64_t index)
{
    start(index);
    run(pml_write, WINDOW_LINEAR);
    want_exit_with(EXIT_PML_FULL, 0);
    expect("flags", leaf(0) & FLAGS, 0);
    expect("memory", this_cpu()->data[0], 0);
    expect("index", R(PML_INDEX), index);
    W(PML_INDEX, 0);
    want_end();
    expect("memory then", this_cpu()->data[0], VALUE);
    expect("entry", log()[0] & PAGE_MASK, WINDOW_PHYSICAL);
    expect("index behind the last", R(PML_INDEX), 0xffff);
    run(pml_write, WINDOW_LINEAR + PAGE_BYTES);
    want_exit(EXIT_PML_FULL);
    expect("flags of the next page", leaf(1) & FLAGS, 0);
}

static void large_page(uint64_t unused)
{
    (void)unused;
    struct cpu *c = this_cpu();
    const uint64_t at = address(c->data) & (LARGE_BYTES - 1);
    start(LAST);
    c->ept_regions[0] = (address(c->data) - at) | EPT_LARGE | EPT_WB | EPT_ALL;
    ept12_flush();
    run(pml_write_two, WINDOW_LINEAR + at);
    want_end();
    expect("index", R(PML_INDEX), LAST - 1);
    expect("entry", log()[LAST] & PAGE_MASK, WINDOW_PHYSICAL + at);
    expect("flags", c->ept_regions[0] & FLAGS, FLAGS);
}

// Without the control, or without flags in EPT12, the index is not looked at.
static void off(uint64_t row)
{
    start(0xffff);
    if (row == 0)
        CLEAR(PROC2, ENABLE_PML);
    else
        W(EPTP, R(EPTP) & ~(1ull << 6));
    run(pml_write, WINDOW_LINEAR);
    want_end();
    expect("index", R(PML_INDEX), 0xffff);
    expect("flags", leaf(0) & FLAGS, row == 0 ? FLAGS : 0);
}

void pml_tests(void)
{
    TEST(writes);
    TEST(reads);
    static const char *const index[] = { "512", "8000h", "ffffh" };
    static const uint64_t value[] = { 512, 0x8000, 0xffff };
    for (unsigned row = 0; row < 3; row++)
        test_row("full", index[row], full, value[row]);
    TEST(large_page);
    static const char *const without[] = { "control", "flags" };
    for (unsigned row = 0; row < 2; row++)
        test_row("off", without[row], off, row);
}
