// SPDX-License-Identifier: BSD-2-Clause
// Whether a CPU has the watchdog's counter, by its word. Pure.
#include "counter.h"

#define VERSION(eax)          ((eax) & 0xff)
#define FIXED_COUNT(edx)      ((edx) & 31)
#define FIXED_BITS(edx)       ((edx) >> 5 & 0xff)
#define FIXED_REFERENCE       2u           // counts at the rate of the time-stamp counter
#define VERSION_GLOBAL        2u           // has IA32_PERF_GLOBAL_CTRL, and fixed counters
#define VERSION_FIXED_BITMAP  5u           // names fixed counters in ECX, too

uint64_t counter_start(const struct cpuid *leaf, uint64_t ticks)
{
    const uint32_t version = VERSION(leaf->eax), bits = FIXED_BITS(leaf->edx);
    const bool named = version >= VERSION_FIXED_BITMAP && leaf->ecx >> FIXED_REFERENCE & 1;
    if (version < VERSION_GLOBAL || !(FIXED_COUNT(leaf->edx) > FIXED_REFERENCE || named) || bits < 32 || bits > 63)
        return 0;
    // Half of its range is enough to tell what has wrapped from what has not.
    return ticks == 0 || ticks > 1ull << (bits - 1) ? 0 : (1ull << bits) - ticks;
}
