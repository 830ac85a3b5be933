// SPDX-License-Identifier: BSD-2-Clause
// The time-stamp counter of an L2, with multiplier and offset, by all instructions that read it (SDM 3C 25.6.5 "Time-Stamp Counter Offset and Multiplier", 26.3).

#include "cpu_insn.h"
#include "l2.h"
#include "x86.h"

void tsc_tests(void);

L2(tsc_rdtsc, "rdtsc");
L2(tsc_rdtscp, "rdtscp");
L2(tsc_rdmsr, "mov $0x10, %ecx\n\trdmsr");

static const struct way { const char *name, *code; } ways[] = { { "rdtsc", tsc_rdtsc }, { "rdtscp", tsc_rdtscp }, { "rdmsr", tsc_rdmsr } };
#define WAYS (sizeof(ways) / sizeof(ways[0]))
#define ONE  (1ull << 48)

static const uint64_t multipliers[] = { ONE, ONE / 2, 3 * ONE, ONE + ONE / 2, 0x123456789abc, 1, ~0ull };
static const uint64_t offsets[] = { 0, 1ull << 40, (uint64_t)-1 << 30, 0x0123456789abcdef };

static uint64_t scaled(uint64_t ticks, uint64_t multiplier) { return (uint64_t)((unsigned __int128)ticks * multiplier >> 48); }

static void prepare(uint64_t way)
{
    NEED(PROC, USE_MSR_BITMAPS);
    W(MSR_BITMAP, address(this_cpu()->page_a));
    if (ways[way].code == tsc_rdtscp)
        NEED(PROC2, ENABLE_RDTSCP);
}

// What L2 reads lies between what L1's readings come to.
static void want_between(uint64_t way, uint64_t multiplier, uint64_t offset)
{
    const uint64_t before = scaled(tsc(), multiplier);
    l2_start(ways[way].code);
    GPR(RAX) = GPR(RDX) = ~0ull;
    want_end();
    const uint64_t after = scaled(tsc(), multiplier), seen = (GPR(RAX) | GPR(RDX) << 32) - offset;
    expect("upper halves of the registers", GPR(RAX) >> 32 | GPR(RDX) >> 32, 0);
    if (seen - before > after - before)
        test_fail("between L1's readings", seen, before);
}

static void multiplied(uint64_t way)
{
    prepare(way);
    NEED(PROC, USE_TSC_OFFSETTING);
    NEED(PROC2, USE_TSC_SCALING);
    for (unsigned m = 0; m < sizeof(multipliers) / sizeof(multipliers[0]); m++) {
        for (unsigned i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
            W(TSC_MULTIPLIER, multipliers[m]);
            W(TSC_OFFSET, offsets[i]);
            want_between(way, multipliers[m], offsets[i]);
        }
    }
}

// Without the one control the multiplier is of no account, without the other neither is.
static void offset_alone(uint64_t way)
{
    prepare(way);
    if (vmcs_has(VMCS_TSC_MULTIPLIER))
        W(TSC_MULTIPLIER, 5 * ONE);
    NEED(PROC, USE_TSC_OFFSETTING);
    for (unsigned i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
        W(TSC_OFFSET, offsets[i]);
        want_between(way, ONE, offsets[i]);
    }
}

static void without_offsetting(uint64_t way)
{
    prepare(way);
    W(TSC_OFFSET, 1ull << 40);
    want_between(way, ONE, 0);
    NEED(PROC2, USE_TSC_SCALING);
    W(TSC_MULTIPLIER, 5 * ONE);
    want_between(way, ONE, 0);
}

// L1's own counter is as it was: nothing of an L2's is left behind.
static void l1_afterwards(uint64_t unused)
{
    (void)unused;
    NEED(PROC, USE_TSC_OFFSETTING);
    NEED(PROC2, USE_TSC_SCALING);
    W(TSC_OFFSET, 1ull << 50);
    W(TSC_MULTIPLIER, 3 * ONE);
    const uint64_t before = tsc();
    l2_start(tsc_rdtsc);
    want_end();
    const uint64_t msr = msr_read(MSR_TSC), after = tsc();
    expect("between L1's readings", msr >= before && msr <= after && after - before < 1ull << 40, 1);
}

void tsc_tests(void)
{
    for (unsigned i = 0; i < WAYS; i++)
        test_row("multiplied", ways[i].name, multiplied, i);
    for (unsigned i = 0; i < WAYS; i++)
        test_row("offset_alone", ways[i].name, offset_alone, i);
    for (unsigned i = 0; i < WAYS; i++)
        test_row("without_offsetting", ways[i].name, without_offsetting, i);
    TEST(l1_afterwards);
}
