// SPDX-License-Identifier: BSD-2-Clause
// Memory types: MTRRs are changed, as an operating system may; somebody outside looks each time whether EPT01 has the types that they add up to (ci/memory_types.py).

#include "cpu_insn.h"
#include "probe.h"

#define MTRR_CAP      0xfeu
#define MTRR_DEFAULT  0x2ffu
#define MTRR_VARIABLE 0x200u
#define MTRR_64K      0x250u
#define MTRR_16K      0x258u
#define MTRR_4K       0x268u
#define ENABLE        (1ull << 11)
#define VALID         (1ull << 11)
enum { UC = 0, WC = 1, WT = 4, WP = 5, WB = 6 };

static const uint32_t fixed[] = { MTRR_64K, MTRR_16K, MTRR_16K + 1, MTRR_4K, MTRR_4K + 1, MTRR_4K + 2, MTRR_4K + 3, MTRR_4K + 4, MTRR_4K + 5, MTRR_4K + 6, MTRR_4K + 7 };

static uint64_t variable_count(void) { return msr_read(MTRR_CAP) & 0xff; }

static void look(const char *name)
{
    report("mtrr", "cap", 0, msr_read(MTRR_CAP));
    report("mtrr", "default", 0, msr_read(MTRR_DEFAULT));
    for (unsigned i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
        report("mtrr", "fixed", i, msr_read(fixed[i]));
    for (uint32_t i = 0; i < variable_count(); i++) {
        report("mtrr", "base", i, msr_read(MTRR_VARIABLE + 2 * i));
        report("mtrr", "mask", i, msr_read(MTRR_VARIABLE + 2 * i + 1));
    }
    watch(name);
}

// A pair that isn't in use; where there is none, the last one.
static uint32_t pair(unsigned number)
{
    uint32_t found = 0;
    for (uint32_t i = 0; i < variable_count(); i++)
        if (!(msr_read(MTRR_VARIABLE + 2 * i + 1) & VALID)) {
            found = i;
            if (number-- == 0)
                break;
        }
    return MTRR_VARIABLE + 2 * found;
}

// [base, base + bytes): a power of two, base a multiple of it.
static void set(uint32_t msr, uint64_t base, uint64_t bytes, uint64_t type, uint64_t physical)
{
    msr_write(msr, base | type);
    msr_write(msr + 1, (physical & ~(bytes - 1)) | VALID);
}

bool try_types(void)
{
    const uint64_t physical = (1ull << (cpuid(0x80000008).eax & 0xff)) - 1, kind = msr_read(MTRR_DEFAULT);
    const uint64_t first = msr_read(MTRR_64K), middle = msr_read(MTRR_16K + 1), last = msr_read(MTRR_4K + 7);
    const uint32_t one = pair(0), other = pair(1);
    if (one == other)
        return false;
    const uint64_t before[4] = { msr_read(one), msr_read(one + 1), msr_read(other), msr_read(other + 1) };
    look("firmware");
    msr_write(MTRR_64K, 0x0606060606040006ull);
    msr_write(MTRR_16K + 1, 0x0001040506060600ull);
    msr_write(MTRR_4K + 7, 0x0506040100060000ull);
    look("fixed");
    set(one, 0x1000000, 0x10000, WT, physical);       // 64 KiB of RAM
    look("small");
    set(other, 0x1008000, 0x1000, UC, physical);      // a page in it
    look("overlapping");
    set(one, 0x4000000, 0x4000000, WC, physical);     // 64 MiB, in one step from elsewhere
    set(other, 0x6000000, 0x200000, UC, physical);
    look("large");
    set(one, 0x4000000, 0x4000000, WT, physical);
    set(other, 0x6000000, 0x200000, WB, physical);
    look("through-and-back");
    msr_write(MTRR_DEFAULT, (kind & ~0xffull) | ((kind & 0xff) == WP ? WB : WP));
    look("default");
    msr_write(MTRR_DEFAULT, kind & ~(1ull << 10));    // no fixed ones
    look("without-fixed");
    msr_write(MTRR_DEFAULT, kind & ~ENABLE);          // as while they are changed: nothing follows yet
    msr_write(one + 1, before[1]);
    msr_write(one, before[0]);
    msr_write(other + 1, before[3]);
    msr_write(other, before[2]);
    msr_write(MTRR_64K, first);
    msr_write(MTRR_16K + 1, middle);
    msr_write(MTRR_4K + 7, last);
    msr_write(MTRR_DEFAULT, kind);
    look("restored");
    return pattern_intact();
}
