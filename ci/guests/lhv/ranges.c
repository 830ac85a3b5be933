// SPDX-License-Identifier: BSD-2-Clause
// A partition that claims ports, hypercalls and leaves of CPUID of L2s (partitions/ranges): it comes before L1, which has what it doesn't claim or forwards.

#include "../../../partitions/ranges/ranges.h"
#include "cpu_insn.h"
#include "ept12.h"
#include "l2.h"
#include "x86.h"

void ranges_tests(void);

L2(ranges_in8, "in %dx, %al");
L2(ranges_in16, "in %dx, %ax");
L2(ranges_in32, "in %dx, %eax");
L2(ranges_out8, "out %al, %dx");
L2(ranges_out32, "out %eax, %dx");
L2(ranges_outs8, "outsb");
L2(ranges_rep_outs8, "rep outsb");
L2(ranges_ins8, "insb");
L2(ranges_rep_ins8, "rep insb");
L2(ranges_vmcall, "vmcall\n\txor %eax, %eax");
L2(ranges_cpuid, "cpuid\n\txor %eax, %eax");

#define RAX_BEFORE 0x1122334455667788ull
#define KEYBOARD   0x64u  // L0 watches it
#define REPEATED   3u

static const struct { const char *code; unsigned bytes; } ins[] = { { ranges_in8, 1 }, { ranges_in16, 2 }, { ranges_in32, 4 } };

static uint8_t own_in8(uint32_t port) { uint8_t v; __asm__ volatile("in %w1, %0" : "=a"(v) : "Nd"(port)); return v; }
static uint16_t own_in16(uint32_t port) { uint16_t v; __asm__ volatile("in %w1, %0" : "=a"(v) : "Nd"(port)); return v; }
static uint32_t own_in32(uint32_t port) { uint32_t v; __asm__ volatile("in %w1, %0" : "=a"(v) : "Nd"(port)); return v; }
static void own_out8(uint32_t port, uint8_t v) { __asm__ volatile("out %0, %w1" : : "a"(v), "Nd"(port)); }

static void start(const char *code, uint64_t rax, uint64_t rdx)
{
    l2_start(code);
    GPR(RAX) = rax;
    GPR(RBX) = 41;
    GPR(RCX) = REPEATED;
    GPR(RDX) = rdx;
    GPR(RSI) = GPR(RDI) = address(this_cpu()->data);
}

// The partition is there: nobody else knows its leaf.
static void need_partition(void)
{
    start(ranges_cpuid, RANGES_NUMBER, 0);
    l2_run();
    if (this_cpu()->exit.failed != 0 || this_cpu()->exit.reason != EXIT_VMCALL)
        test_skip("no partition `ranges`");
}

static bool claimed(uint32_t port, unsigned bytes) { return port <= RANGES_PORT_LAST && port + bytes > RANGES_PORT_FIRST; }

// What IN leaves in RAX (SDM 2A "IN-Input from Port").
static uint64_t rax_with(uint64_t value, unsigned bytes)
{
    const uint64_t all = (1ull << 8 * bytes) - 1;
    return bytes == 4 ? value & all : (RAX_BEFORE & ~all) | (value & all);
}

static uint64_t own_in(uint32_t port, unsigned bytes) { return bytes == 1 ? own_in8(port) : bytes == 2 ? own_in16(port) : own_in32(port); }

// Each access at and beside the range. hypervisor: L1 intercepts all ports.
static void around(bool hypervisor)
{
    for (unsigned i = 0; i < sizeof(ins) / sizeof(ins[0]); i++)
        for (uint32_t port = RANGES_PORT_FIRST - 5; port <= RANGES_PORT_LAST + 2; port++) {
            const bool its = claimed(port, ins[i].bytes);
            start(ins[i].code, RAX_BEFORE, port);
            if (hypervisor && !its) {
                want_exit_with(EXIT_IO, (uint64_t)port << 16 | 1 << 3 | (ins[i].bytes - 1));
                continue;
            }
            want_end();
            expect("RAX", GPR(RAX), rax_with(its ? RANGES_ANSWER + port : own_in(port, ins[i].bytes), ins[i].bytes));
        }
    for (uint32_t port = RANGES_PORT_FIRST - 5; port <= RANGES_PORT_LAST + 2; port++) {
        start(ranges_out32, RAX_BEFORE, port);
        if (hypervisor && !claimed(port, 4)) {
            want_exit_with(EXIT_IO, (uint64_t)port << 16 | 3);
            continue;
        }
        want_end();
        expect("RAX", GPR(RAX), RAX_BEFORE);
    }
}

static void ports(uint64_t unused)
{
    (void)unused;
    need_partition();
    around(false);
}

static void ports_of_l1s(uint64_t unused)
{
    (void)unused;
    need_partition();
    NEED(PROC, UNCONDITIONAL_IO_EXITING);
    around(true);
    NEED(PROC, USE_IO_BITMAPS);
    for (unsigned i = 0; i < 512; i++)
        this_cpu()->page_a[i] = this_cpu()->page_b[i] = ~0ull;
    W(IO_BITMAP_A, address(this_cpu()->page_a));
    W(IO_BITMAP_B, address(this_cpu()->page_b));
    around(true);
    for (unsigned i = 0; i < 512; i++)
        this_cpu()->page_a[i] = this_cpu()->page_b[i] = 0;
    around(false);
}

// L1 intercepts these ports.
static void intercept(uint32_t first, uint32_t last)
{
    NEED(PROC, USE_IO_BITMAPS);
    W(IO_BITMAP_A, address(this_cpu()->page_a));
    W(IO_BITMAP_B, address(this_cpu()->page_b));
    for (uint32_t port = first; port <= last; port++)
        ((uint8_t *)this_cpu()->page_a)[port / 8] |= (uint8_t)(1u << port % 8);
}

// What is forwarded is L1's, or the machine's. Beside it L2 has the port itself.
static void forwards_to_the_port(void)
{
    for (uint32_t port = RANGES_FORWARD_FIRST; port <= RANGES_FORWARD_LAST + 2; port++) {
        if (port == RANGES_FORWARD_LAST + 1)
            continue;  // 0x87 is a page register that the firmware's floppy may use
        own_out8(port, 0);
        start(ranges_out8, 0x50 + port, port);
        want_end();
        expect("what the port has", own_in8(port), (uint8_t)(0x50 + port));
        own_out8(port, 0x3c);
        start(ranges_in8, RAX_BEFORE, port);
        want_end();
        expect("RAX", GPR(RAX), rax_with(0x3c, 1));
    }
}

static void forwarded(uint64_t unused)
{
    (void)unused;
    need_partition();
    forwards_to_the_port();
    intercept(RANGES_FORWARD_FIRST, RANGES_FORWARD_FIRST);
    start(ranges_in8, 0, RANGES_FORWARD_FIRST);
    want_exit_with(EXIT_IO, RANGES_FORWARD_FIRST << 16 | 1 << 3);
    start(ranges_out8, 0, RANGES_FORWARD_FIRST);
    want_exit_with(EXIT_IO, RANGES_FORWARD_FIRST << 16);
    start(ranges_in8, 0, RANGES_FORWARD_FIRST + 1);
    want_end();
}

static void string_goes_to(uint32_t port)
{
    uint8_t *data = (uint8_t *)this_cpu()->data;
    for (unsigned i = 0; i < 8; i++)
        data[i] = (uint8_t)(0xa1 + i);
    own_out8(port, 0);
    start(ranges_outs8, 0, port);
    want_end();
    expect("what the port has", own_in8(port), 0xa1);
    expect("RSI", GPR(RSI), address(data) + 1);
    start(ranges_rep_outs8, 0, port);
    want_end();
    expect("what the port has last", own_in8(port), 0xa0 + REPEATED);
    expect("RSI behind all", GPR(RSI), address(data) + REPEATED);
    expect("RCX", GPR(RCX), 0);
    own_out8(port, 0x69);
    start(ranges_ins8, 0, port);
    want_end();
    expect("what memory has", data[0] | data[1] << 8, 0x69 | 0xa2 << 8);
    expect("RDI", GPR(RDI), address(data) + 1);
    start(ranges_rep_ins8, 0, port);
    want_end();
    for (unsigned i = 0; i < REPEATED; i++)
        expect("what memory has, each", data[i], 0x69);
    expect("behind it", data[REPEATED], 0xa1 + REPEATED);
    expect("RCX behind all", GPR(RCX), 0);
}

static void string(uint64_t unused)
{
    (void)unused;
    need_partition();
    string_goes_to(RANGES_FORWARD_FIRST + 1);
    // L1 intercepts what is beside it: nothing of that is lost.
    intercept(RANGES_FORWARD_FIRST, RANGES_FORWARD_FIRST);
    string_goes_to(RANGES_FORWARD_FIRST + 1);
    start(ranges_in8, 0, RANGES_FORWARD_FIRST);
    want_exit(EXIT_IO);
    // A claimed port is claimed again behind the step.
    start(ranges_outs8, 0, RANGES_PORT_FIRST);
    want_end();
    start(ranges_in8, RAX_BEFORE, RANGES_PORT_FIRST);
    want_end();
    expect("RAX", GPR(RAX), rax_with(RANGES_ANSWER + RANGES_PORT_FIRST, 1));
}

static void string_of_l1s(uint64_t unused)
{
    (void)unused;
    need_partition();
    intercept(RANGES_FORWARD_FIRST, RANGES_FORWARD_FIRST);
    start(ranges_rep_ins8, 0, RANGES_FORWARD_FIRST);
    want_exit_with(EXIT_IO, RANGES_FORWARD_FIRST << 16 | 1 << 3 | 1 << 4 | 1 << 5);
    expect("guest-linear address", R(GUEST_LINEAR_ADDR), address(this_cpu()->data));
    expect("RCX", GPR(RCX), REPEATED);
}

// L1 steps its L2, too.
static void string_stepped(uint64_t unused)
{
    (void)unused;
    need_partition();
    NEED(PROC, MONITOR_TRAP_FLAG);
    own_out8(RANGES_FORWARD_FIRST, 0x77);
    start(ranges_ins8, 0, RANGES_FORWARD_FIRST);
    want_exit(EXIT_MONITOR_TRAP);
    expect("GUEST_RIP", R(GUEST_RIP), address(ranges_ins8) + 1);
    expect("what memory has", *(uint8_t *)this_cpu()->data, 0x77);
}

// At a port of L0's own nothing is stepped over, also where the access begins at one that isn't.
static void string_at_l0s(uint64_t unused)
{
    (void)unused;
    need_partition();
    ((uint8_t *)this_cpu()->data)[0] = 0xff;  // which would be no command
    start(ranges_outs8, 0, KEYBOARD);
    want_trap(VECTOR_GP);
}

static void hypercalls(uint64_t unused)
{
    (void)unused;
    need_partition();
    start(ranges_vmcall, RANGES_NUMBER, 0);
    want_end();
    expect("RBX", GPR(RBX), 42);
    start(ranges_vmcall, RANGES_FORWARD, 0);
    want_exit(EXIT_VMCALL);
    expect("GUEST_RIP", R(GUEST_RIP), address(ranges_vmcall));
    expect("RBX", GPR(RBX), 41);
    start(ranges_vmcall, RANGES_NUMBER - 1, 0);
    want_exit(EXIT_VMCALL);
    start(ranges_vmcall, 1ull << 32 | RANGES_NUMBER, 0);
    want_exit(EXIT_VMCALL);
}

static void leaves(uint64_t unused)
{
    (void)unused;
    need_partition();
    start(ranges_cpuid, RANGES_NUMBER, 0);
    want_end();
    expect("RBX", GPR(RBX), 42);
    start(ranges_cpuid, RANGES_FORWARD, 0);
    want_exit(EXIT_CPUID);
    expect("GUEST_RIP", R(GUEST_RIP), address(ranges_cpuid));
    start(ranges_cpuid, RANGES_FORWARD + 1, 0);
    want_exit(EXIT_CPUID);
}

// The last test: afterwards nobody claims anything any more.
static void parked(uint64_t unused)
{
    (void)unused;
    need_partition();
    start(ranges_vmcall, RANGES_CRASH, 0);
    want_exit(EXIT_VMCALL);
    expect("GUEST_RIP", R(GUEST_RIP), address(ranges_vmcall));
    start(ranges_vmcall, RANGES_NUMBER, 0);
    want_exit(EXIT_VMCALL);
    start(ranges_cpuid, RANGES_NUMBER, 0);
    want_exit(EXIT_CPUID);
    start(ranges_in8, RAX_BEFORE, RANGES_PORT_FIRST);
    want_end();
    expect("RAX", GPR(RAX), rax_with(own_in8(RANGES_PORT_FIRST), 1));
    forwards_to_the_port();
    string_goes_to(RANGES_FORWARD_FIRST + 1);
    intercept(RANGES_FORWARD_FIRST, RANGES_FORWARD_FIRST);
    start(ranges_in8, 0, RANGES_FORWARD_FIRST);
    want_exit_with(EXIT_IO, RANGES_FORWARD_FIRST << 16 | 1 << 3);
}

void ranges_tests(void)
{
    TEST(ports);
    TEST(ports_of_l1s);
    TEST(forwarded);
    TEST(string);
    TEST(string_of_l1s);
    TEST(string_stepped);
    TEST(string_at_l0s);
    TEST(hypercalls);
    TEST(leaves);
    TEST(parked);
}
