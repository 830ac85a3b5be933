// SPDX-License-Identifier: BSD-2-Clause
// Memory types below L2: L1 changes an MTRR in each way that there is, while L2's page stays mapped (SDM 3A 12.11 "Memory Type Range Registers (MTRRs)").
// What L2 reads is the same with every type; somebody outside looks at the types of its tables meanwhile (ci/memory_types.py).

#include "cpu_insn.h"
#include "ept12.h"
#include "l2.h"
#include "options.h"
#include "watch.h"
#include "x86.h"

void types_tests(void);

L2(types_nothing, "nop");
L2(types_wrmsr, "wrmsr");
L2(types_exchange, "xchg %rax, (%rsi)");

#define MTRR_CAP      0xfeu
#define MTRR_VARIABLE 0x200u
#define MTRR_VALID    (1ull << 11)
#define MASK(base)    ((base) + 1)

static const uint8_t types[] = { 0, 1, 4, 5, 6 };  // UC, WC, WT, WP, WB
#define TYPES (sizeof(types) / sizeof(types[0]))

struct entry { uint32_t msr, reserved; uint64_t value; };

static uint32_t mtrr;  // IA32_MTRR_PHYSBASEn of a pair that isn't in use; 0: all are

static uint32_t free_pair(void)
{
    for (uint32_t base = MTRR_VARIABLE; base < MTRR_VARIABLE + 2 * (msr_read(MTRR_CAP) & 0xff); base += 2) {
        if (!(msr_read(MASK(base)) & MTRR_VALID))
            return base;
    }
    return 0;
}

// A list of the one entry.
static uint64_t list(uint64_t value)
{
    struct entry *entry = (struct entry *)(void *)this_cpu()->page_c;
    *entry = (struct entry){ mtrr, 0, value };
    return address(entry);
}

static void by_l1(uint64_t value)
{
    msr_write(mtrr, value);
}

static void by_l2(uint64_t value)
{
    NEED(PROC, USE_MSR_BITMAPS);
    W(MSR_BITMAP, address(this_cpu()->page_b));
    l2_start(types_wrmsr);
    GPR(RCX) = mtrr;
    GPR(RAX) = (uint32_t)value;
    GPR(RDX) = value >> 32;
    want_end();
}

static void by_entry(uint64_t value)
{
    W(ENTRY_MSR_LOAD_ADDR, list(value));
    W(ENTRY_MSR_LOAD_COUNT, 1);
    l2_start(types_nothing);
    want_end();
    W(ENTRY_MSR_LOAD_COUNT, 0);
}

static void by_exit(uint64_t value)
{
    W(EXIT_MSR_LOAD_ADDR, list(value));
    W(EXIT_MSR_LOAD_COUNT, 1);
    l2_start(types_nothing);
    want_end();
    W(EXIT_MSR_LOAD_COUNT, 0);
}

static const struct way { const char *name; void (*change)(uint64_t value); } ways[] = {
    { "by_l1", by_l1 }, { "by_l2", by_l2 }, { "by_entry_list", by_entry }, { "by_exit_list", by_exit },
};

static void exchange(uint64_t in, uint64_t out)
{
    l2_start(types_exchange);
    GPR(RSI) = WINDOW_LINEAR;
    GPR(RAX) = in;
    want_end();
    expect("what L2 reads", GPR(RAX), out);
    expect("what L2 has written", *(volatile uint64_t *)this_cpu()->page_a, in);
}

// Each type of EPT12's (where nobody looks, write-back alone), and of the MTRR. Nothing is invalidated by L1 between two of the latter.
static void change(uint64_t way)
{
    const uint64_t page = address(this_cpu()->page_a), physical = (1ull << (cpuid(0x80000008).eax & 0xff)) - 1;
    if (this_cpu()->index != 0)
        test_skip("on the first CPU alone");
    if (mtrr == 0)
        test_skip("the firmware uses all MTRRs");
    NEED(PROC2, ENABLE_EPT);
    msr_write(mtrr, page | types[0]);
    msr_write(MASK(mtrr), (physical & ~(PAGE_BYTES - 1)) | MTRR_VALID);
    for (unsigned mine = options.watched ? 0 : TYPES - 1; mine < TYPES; mine++) {
        ept12_map(0, page | (uint64_t)types[mine] << 3 | EPT_ALL);
        ept12_flush();
        this_cpu()->page_a[0] = 0x2000;
        for (unsigned i = 0; i < TYPES; i++) {
            ways[way].change(page | types[i]);
            expect("the MTRR", msr_read(mtrr), page | types[i]);
            exchange(0x2001 + i, 0x2000 + i);
            watch(types[mine], types[i], page);
        }
    }
}

void types_tests(void)
{
    mtrr = this_cpu()->index == 0 ? free_pair() : mtrr;
    const uint64_t base = mtrr ? msr_read(mtrr) : 0, mask = mtrr ? msr_read(MASK(mtrr)) : 0;
    for (unsigned i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        test_row("change", ways[i].name, change, i);
        if (mtrr && this_cpu()->index == 0) {
            msr_write(MASK(mtrr), mask);
            msr_write(mtrr, base);
        }
    }
}
