// SPDX-License-Identifier: BSD-2-Clause
// String I/O of an L2 at pages that EPT12 doesn't allow: the EPT violation comes in the midst of it, and it goes on from there (SDM 3C 28.2.1, 29.3.3.2 "EPT Violations").

#include "cpu_insn.h"
#include "ept12.h"
#include "l2.h"
#include "port.h"
#include "vmx.h"
#include "x86.h"

void string_io_tests(void);

L2(string_io_insb, "rep insb");
L2(string_io_outsb, "rep outsb");
L2(string_io_insl, "insl");
L2(string_io_outsl, "outsl");

// COM1's scratch register: what is written there is read there.
#define PORT       0x3ff
#define COUNT      16
#define MARK       0x5a
#define LINEAR     (WINDOW_LINEAR + PAGE_BYTES - COUNT / 2)  // half of it in the window's first page, half in its second
#define VIOLATION  (1ull << 7 | 1ull << 8)                   // a linear address, translated
#define READ       1ull
#define WRITE      2ull

// There is one such register for all CPUs.
static void scratch(uint8_t value)
{
    if (this_cpu()->index != 0)
        test_skip("on the first CPU alone");
    out8(PORT, value);
}

static uint8_t *bytes(void) { return (uint8_t *)(void *)this_cpu()->data; }

static void start(const char *code)
{
    NEED(PROC2, ENABLE_EPT);
    ept12_map(0, address(this_cpu()->data) | EPT_WB | EPT_ALL);
    ept12_map(1, 0);
    ept12_flush();
    l2_start(code);
    GPR(RDX) = PORT;
    GPR(RCX) = COUNT;
    GPR(RDI) = GPR(RSI) = LINEAR;
}

// At the second page, with half of it done.
static void want_violation(const char *code, uint64_t access, uint64_t rights, uint64_t left, uint64_t done)
{
    want_exit(EXIT_EPT_VIOLATION);
    expect("qualification", R(EXIT_QUALIFICATION) & 0x1bf, VIOLATION | access | rights << 3);
    expect("guest-physical address", R(GUEST_PHYSICAL_ADDR) & PAGE_MASK, WINDOW_PHYSICAL + PAGE_BYTES);
    expect("guest-linear address", R(GUEST_LINEAR_ADDR) & PAGE_MASK, WINDOW_LINEAR + PAGE_BYTES);
    expect("GUEST_RIP", R(GUEST_RIP), address(code));
    expect("RCX", GPR(RCX), left);
    expect("the address in the register", GPR(access == WRITE ? RDI : RSI), LINEAR + done);
    expect("IDT-vectoring information", R(IDT_VECTORING_INFO) & EVENT_VALID, 0);
}

static void want_all(const char *code)
{
    ept12_map(1, (address(this_cpu()->data) + PAGE_BYTES) | EPT_WB | EPT_ALL);
    want_end();
    expect("RCX", GPR(RCX), 0);
    expect("RIP", R(GUEST_RIP), address(code) + 2 + 3);  // behind VMCALL
}

static void ins(uint64_t unused)
{
    (void)unused;
    scratch(MARK);
    start(string_io_insb);
    want_violation(string_io_insb, WRITE, 0, COUNT / 2, COUNT / 2);
    expect("its last byte in the first page", bytes()[PAGE_BYTES - 1], MARK);
    expect("nothing in the second", bytes()[PAGE_BYTES], 0);
    want_all(string_io_insb);
    expect("address", GPR(RDI), LINEAR + COUNT);
    for (unsigned i = 0; i < COUNT; i++)
        expect("a byte", bytes()[PAGE_BYTES - COUNT / 2 + i], MARK);
    expect("none before", bytes()[PAGE_BYTES - COUNT / 2 - 1], 0);
    expect("none behind", bytes()[PAGE_BYTES + COUNT / 2], 0);
}

// The page is there to be read only.
static void ins_read_only(uint64_t unused)
{
    (void)unused;
    scratch(MARK);
    start(string_io_insb);
    ept12_map(1, (address(this_cpu()->data) + PAGE_BYTES) | EPT_WB | EPT_READ);
    want_violation(string_io_insb, WRITE, EPT_READ, COUNT / 2, COUNT / 2);
    want_all(string_io_insb);
    expect("the last byte", bytes()[PAGE_BYTES + COUNT / 2 - 1], MARK);
}

static void outs(uint64_t unused)
{
    (void)unused;
    for (unsigned i = 0; i < COUNT; i++)
        bytes()[PAGE_BYTES - COUNT / 2 + i] = (uint8_t)(0x30 + i);
    scratch(0);
    start(string_io_outsb);
    want_violation(string_io_outsb, READ, 0, COUNT / 2, COUNT / 2);
    expect("the byte before is out", in8(PORT), 0x30 + COUNT / 2 - 1);
    want_all(string_io_outsb);
    expect("address", GPR(RSI), LINEAR + COUNT);
    expect("the last one is out", in8(PORT), 0x30 + COUNT - 1);
}

// An exit by the I/O bitmaps comes before the access to memory; without it the violation does.
static void exit_comes_first(uint64_t unused)
{
    (void)unused;
    NEED(PROC, USE_IO_BITMAPS);
    W(IO_BITMAP_A, address(this_cpu()->page_a));
    W(IO_BITMAP_B, address(this_cpu()->page_b));
    ((uint8_t *)this_cpu()->page_a)[PORT / 8] = 1 << (PORT & 7);
    scratch(MARK);
    start(string_io_insb);
    GPR(RDI) = WINDOW_LINEAR + PAGE_BYTES;
    want_exit_with(EXIT_IO, 0 | 1 << 3 | 1 << 4 | 1 << 5 | PORT << 16);
    expect("RCX", GPR(RCX), COUNT);
    ((uint8_t *)this_cpu()->page_a)[PORT / 8] = 0;
    GPR(RDI) = LINEAR;
    want_violation(string_io_insb, WRITE, 0, COUNT / 2, COUNT / 2);
    want_all(string_io_insb);
}

// One access of four bytes over both pages: the violation is at the second, and nothing is done before.
static void over_both(uint64_t out)
{
    const char *code = out ? string_io_outsl : string_io_insl;
    start(code);
    GPR(RDX) = 0x80;
    GPR(RDI) = GPR(RSI) = WINDOW_LINEAR + PAGE_BYTES - 2;
    want_exit(EXIT_EPT_VIOLATION);
    expect("qualification", R(EXIT_QUALIFICATION) & 0x1bf, VIOLATION | (out ? READ : WRITE));
    expect("guest-physical address", R(GUEST_PHYSICAL_ADDR) & PAGE_MASK, WINDOW_PHYSICAL + PAGE_BYTES);
    expect("GUEST_RIP", R(GUEST_RIP), address(code));
    expect("address", GPR(out ? RSI : RDI), WINDOW_LINEAR + PAGE_BYTES - 2);
    expect("the first page", bytes()[PAGE_BYTES - 1], 0);
    ept12_map(1, (address(this_cpu()->data) + PAGE_BYTES) | EPT_WB | EPT_ALL);
    want_end();
    expect("address: then", GPR(out ? RSI : RDI), WINDOW_LINEAR + PAGE_BYTES + 2);
}

void string_io_tests(void)
{
    TEST(ins);
    TEST(ins_read_only);
    TEST(outs);
    TEST(exit_comes_first);
    test_row("over_both", "in", over_both, 0);
    test_row("over_both", "out", over_both, 1);
}
