// SPDX-License-Identifier: BSD-2-Clause
// MSR and I/O bitmaps (SDM 3C 25.6.4 "I/O-Bitmap Addresses", 25.6.9 "MSR-Bitmap Address", 26.1.3).

#include "cpu_insn.h"
#include "ept12.h"
#include "l2.h"
#include "x86.h"

void bitmap_tests(void);

L2(bitmap_rdmsr, "rdmsr");
L2(bitmap_wrmsr, "wrmsr");
L2(bitmap_in8, "in %dx, %al");
L2(bitmap_in16, "in %dx, %ax");
L2(bitmap_in32, "in %dx, %eax");
L2(bitmap_out8, "out %al, %dx");
L2(bitmap_outs, "outsb");
L2(bitmap_rep_ins, "rep insb");
L2(bitmap_base, "wrfsbase %rax");

#define CPUID_TSC_ADJUST 2u

// Byte offset of an MSR's bit in the MSR bitmap, for reads.
static uint32_t bit_byte(uint32_t msr) { return (msr >= 0xc0000000 ? 0x400 : 0) + (msr & 0x1fff) / 8; }

static void set(uint32_t msr, bool write)
{
    ((uint8_t *)this_cpu()->page_a)[bit_byte(msr) + (write ? 0x800 : 0)] |= (uint8_t)(1u << (msr & 7));
}

static void with_msr_bitmap(void)
{
    NEED(PROC, USE_MSR_BITMAPS);
    W(MSR_BITMAP, address(this_cpu()->page_a));
}

static void start_msr(const char *code, uint32_t msr, uint64_t value)
{
    l2_start(code);
    GPR(RCX) = msr;
    GPR(RAX) = (uint32_t)value;
    GPR(RDX) = value >> 32;
}

// Reads and writes exit by a bit each.
static const uint32_t msrs[] = { MSR_LSTAR, MSR_FMASK, MSR_KERNEL_GS_BASE, MSR_PAT, MSR_SYSENTER_EIP, MSR_FS_BASE, MSR_EFER, MSR_STAR, MSR_TSC_ADJUST };
static const char *const msr_names[] = { "LSTAR", "FMASK", "KERNEL_GS_BASE", "PAT", "SYSENTER_EIP", "FS_BASE", "EFER", "STAR", "TSC_ADJUST" };

static void msr(uint64_t row)
{
    const uint32_t number = msrs[row];
    if (number == MSR_TSC_ADJUST && !(cpuid(7).ebx & CPUID_TSC_ADJUST))
        test_skip("no IA32_TSC_ADJUST");
    const uint64_t before = msr_read(number);
    with_msr_bitmap();
    for (unsigned bits = 0; bits < 4; bits++) {
        for (unsigned i = 0; i < 512; i++)
            this_cpu()->page_a[i] = 0;
        if (bits & 1)
            set(number, false);
        if (bits & 2)
            set(number, true);
        start_msr(bitmap_rdmsr, number, 0);
        if (bits & 1) {
            want_exit(EXIT_RDMSR);
            l2_skip();
        }
        want_end();
        if (!(bits & 1) && number != MSR_FS_BASE && number != MSR_SYSENTER_EIP)
            expect("value", (GPR(RAX) & 0xffffffff) | GPR(RDX) << 32, before);
        start_msr(bitmap_wrmsr, number, before);
        if (bits & 2) {
            want_exit(EXIT_WRMSR);
            expect("RAX", GPR(RAX), (uint32_t)before);
            l2_skip();
        }
        want_end();
    }
}

// A bit for one MSR says nothing of its neighbours, or of the other half; nor of the other direction.
static void msr_neighbours(uint64_t unused)
{
    (void)unused;
    with_msr_bitmap();
    set(MSR_LSTAR - 1, false);
    set(MSR_LSTAR + 1, false);
    set(MSR_LSTAR & 0x1fff, false);
    set(MSR_LSTAR, true);
    start_msr(bitmap_rdmsr, MSR_LSTAR, 0);
    want_end();
}

// Outside both ranges every access exits, whatever the bitmap says.
static void msr_out_of_range(uint64_t unused)
{
    (void)unused;
    with_msr_bitmap();
    static const uint32_t outside[] = { 0x2000, 0x40000000, 0xbfffffff, 0xc0002000, 0xffffffff };
    for (unsigned i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
        start_msr(bitmap_rdmsr, outside[i], 0);
        want_exit(EXIT_RDMSR);
        start_msr(bitmap_wrmsr, outside[i], 0);
        want_exit(EXIT_WRMSR);
    }
}

// An MSR that doesn't exist exits by its bit, and is #GP without.
static void msr_absent(uint64_t unused)
{
    (void)unused;
    with_msr_bitmap();
    static const uint32_t absent[] = { 0x1fff, 0xc0001fff };
    for (unsigned i = 0; i < 2; i++) {
        start_msr(bitmap_rdmsr, absent[i], 0);
        l2_run();
        if (R(GUEST_RIP) != address(bitmap_rdmsr) + 2) {  // an emulator may have any MSR
            expect("vector in L2", this_cpu()->l2_trap.vector, VECTOR_GP);
        }
        set(absent[i], false);
        set(absent[i], true);
        start_msr(bitmap_rdmsr, absent[i], 0);
        want_exit(EXIT_RDMSR);
        start_msr(bitmap_wrmsr, absent[i], 0);
        want_exit(EXIT_WRMSR);
    }
}

// Without the control all accesses exit; WRFSBASE is none.
// What the CPU refuses is #GP, which L1 may want, also of an MSR that somebody below L1 intercepts: here a memory type that doesn't exist.
static void msr_refused(uint64_t unused)
{
    (void)unused;
    with_msr_bitmap();
    W(EXCEPTION_BITMAP, 1u << VECTOR_GP);
    start_msr(bitmap_wrmsr, MSR_MTRR_DEFAULT, 2);
    want_exit(EXIT_EXCEPTION_OR_NMI);
    expect("exit interruption information", R(EXIT_INTR_INFO), EVENT_VALID | EVENT_HARDWARE | EVENT_ERROR | VECTOR_GP);
    expect("error code", R(EXIT_INTR_ERROR), 0);
    expect("GUEST_RIP", R(GUEST_RIP), address(bitmap_wrmsr));
    start_msr(bitmap_wrmsr, MSR_MTRR_DEFAULT, msr_read(MSR_MTRR_DEFAULT));
    want_end();
}

static void msr_without_bitmap(uint64_t unused)
{
    (void)unused;
    start_msr(bitmap_rdmsr, MSR_LSTAR, 0);
    want_exit(EXIT_RDMSR);
    start_msr(bitmap_wrmsr, MSR_FS_BASE, 0);
    want_exit(EXIT_WRMSR);
    if (!(cpuid(7).ebx & 1))
        test_skip("no WRFSBASE");
    l2_start(bitmap_base);
    GPR(RAX) = 0x5000;
    W(GUEST_CR4, R(GUEST_CR4) | 1 << 16);
    want_end();
    expect("FS base", R(GUEST_FS_BASE), 0x5000);
}

// A bitmap that L1 changes counts from the next access on: nothing of it is cached.
static void msr_bitmap_changes(uint64_t unused)
{
    (void)unused;
    with_msr_bitmap();
    for (unsigned round = 0; round < 4; round++) {
        start_msr(bitmap_rdmsr, MSR_LSTAR, 0);
        if (round & 1) {
            want_exit(EXIT_RDMSR);
            this_cpu()->page_a[0x400 / 8 + (MSR_LSTAR & 0x1fff) / 64] = 0;
        } else {
            want_end();
            set(MSR_LSTAR, false);
        }
    }
    // And another page.
    for (unsigned i = 0; i < 512; i++)
        this_cpu()->page_a[i] = 0;
    this_cpu()->page_b[0x400 / 8] = ~0ull;
    this_cpu()->page_b[0x410 / 8] = ~0ull;
    W(MSR_BITMAP, address(this_cpu()->page_b));
    start_msr(bitmap_rdmsr, MSR_LSTAR, 0);
    want_exit(EXIT_RDMSR);
}

static void set_port(uint32_t port)
{
    uint8_t *map = (uint8_t *)(port < 0x8000 ? this_cpu()->page_a : this_cpu()->page_b);
    map[(port & 0x7fff) / 8] |= (uint8_t)(1u << (port & 7));
}

static void with_io_bitmaps(void)
{
    NEED(PROC, USE_IO_BITMAPS);
    W(IO_BITMAP_A, address(this_cpu()->page_a));
    W(IO_BITMAP_B, address(this_cpu()->page_b));
}

static void start_io(const char *code, uint32_t port)
{
    l2_start(code);
    GPR(RDX) = port;
    GPR(RAX) = 0;
    GPR(RSI) = GPR(RDI) = address(this_cpu()->data);
    GPR(RCX) = 3;
}

// Ports that nothing listens to.
static void io(uint64_t unused)
{
    (void)unused;
    with_io_bitmaps();
    static const uint32_t ports[] = { 0x00ee, 0x7fff, 0x8000, 0xfff0 };
    for (unsigned i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
        for (unsigned n = 0; n < 512; n++)
            this_cpu()->page_a[n] = this_cpu()->page_b[n] = 0;
        start_io(bitmap_in8, ports[i]);
        want_end();
        set_port(ports[i]);
        start_io(bitmap_in8, ports[i]);
        want_exit_with(EXIT_IO, 0 | 1 << 3 | ports[i] << 16);
        start_io(bitmap_out8, ports[i]);
        want_exit_with(EXIT_IO, 0 | ports[i] << 16);
        start_io(bitmap_in8, ports[i] - 1);
        want_end();
        // Any byte of a wider access.
        start_io(bitmap_in16, ports[i] - 1);
        want_exit_with(EXIT_IO, 1 | 1 << 3 | (ports[i] - 1) << 16);
        start_io(bitmap_in32, ports[i] - 3);
        want_exit_with(EXIT_IO, 3 | 1 << 3 | (ports[i] - 3) << 16);
    }
}

// An access that wraps around the port space exits, whatever the bitmaps say.
static void io_wraps(uint64_t unused)
{
    (void)unused;
    with_io_bitmaps();
    start_io(bitmap_in16, 0xffff);
    want_exit_with(EXIT_IO, 1 | 1 << 3 | 0xffffu << 16);
    start_io(bitmap_in32, 0xfffd);
    want_exit_with(EXIT_IO, 3 | 1 << 3 | 0xfffdu << 16);
}

// Nor is it an exit where nothing else is.
static void io_wraps_without_bitmaps(uint64_t unused)
{
    (void)unused;
    CLEAR(PROC, USE_IO_BITMAPS);
    CLEAR(PROC, UNCONDITIONAL_IO_EXITING);
    start_io(bitmap_in16, 0xffff);
    want_end();
    start_io(bitmap_in32, 0xfffd);
    want_end();
}

// With I/O bitmaps unconditional I/O exiting counts no more.
static void io_bitmaps_win(uint64_t unused)
{
    (void)unused;
    with_io_bitmaps();
    NEED(PROC, UNCONDITIONAL_IO_EXITING);
    start_io(bitmap_in8, 0xee);
    want_end();
    CLEAR(PROC, USE_IO_BITMAPS);
    start_io(bitmap_in8, 0xee);
    want_exit(EXIT_IO);
}

static void io_string(uint64_t unused)
{
    (void)unused;
    with_io_bitmaps();
    set_port(0xee);
    start_io(bitmap_outs, 0xee);
    want_exit_with(EXIT_IO, 0 | 1 << 4 | 0xee << 16);
    expect("guest-linear address", R(GUEST_LINEAR_ADDR), address(this_cpu()->data));
    expect("instruction length", R(EXIT_INSTRUCTION_LENGTH), 1);
    if (msr_read(MSR_VMX_BASIC) >> 54 & 1)
        expect("instruction information: address size 64, DS", R(EXIT_INSTRUCTION_INFO) & 0x38380, 2 << 7 | 3 << 15);
    start_io(bitmap_rep_ins, 0xee);
    want_exit_with(EXIT_IO, 0 | 1 << 3 | 1 << 4 | 1 << 5 | 0xee << 16);
    expect("guest-linear address", R(GUEST_LINEAR_ADDR), address(this_cpu()->data));
    expect("RCX", GPR(RCX), 3);
    expect("instruction length", R(EXIT_INSTRUCTION_LENGTH), 2);
}

void bitmap_tests(void)
{
    for (unsigned i = 0; i < sizeof(msrs) / sizeof(msrs[0]); i++)
        test_row("msr", msr_names[i], msr, i);
    TEST(msr_neighbours);
    TEST(msr_out_of_range);
    TEST(msr_absent);
    TEST(msr_refused);
    TEST(msr_without_bitmap);
    TEST(msr_bitmap_changes);
    TEST(io);
    TEST(io_wraps);
    TEST(io_wraps_without_bitmaps);
    TEST(io_bitmaps_win);
    TEST(io_string);
}
