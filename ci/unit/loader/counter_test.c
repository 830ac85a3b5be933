// SPDX-License-Identifier: BSD-2-Clause
// Which CPUs have the watchdog's counter, and where it starts.
#include "../../../kernel/loader/counter.h"

#include "check.h"

#define BUDGET 3000000000ull
#define EDX(count, bits) ((count) | (bits) << 5)

static uint64_t start(uint32_t eax, uint32_t ebx, uint32_t ecx, uint32_t edx, uint64_t ticks)
{
    const struct cpuid leaf = { eax, ebx, ecx, edx };
    return counter_start(&leaf, ticks);
}

TEST(a_counter_wraps_after_the_budget)
{
    CHECK_EQ(start(0x07300403, 0, 0, EDX(3, 48), BUDGET), (1ull << 48) - BUDGET);  // Broadwell
    CHECK_EQ(start(0x07300403, 0, 0, EDX(3, 40), BUDGET), (1ull << 40) - BUDGET);
    CHECK_EQ(start(0x08300805, 0, 0xf, EDX(3, 48), 1), (1ull << 48) - 1);
    CHECK_EQ(start(0x08300805, 0, 1u << 2, EDX(0, 48), 1), (1ull << 48) - 1);  // by the bitmap of version 5
    CHECK_EQ(start(2, 0, 0, EDX(3, 63), 1), (1ull << 63) - 1);
}

TEST(a_cpu_without_the_counter_has_none)
{
    CHECK_EQ(start(0, 0, 0, 0, BUDGET), 0);                                    // hidden by a hypervisor
    CHECK_EQ(start(0x07300401, 0, 0, EDX(3, 48), BUDGET), 0);                  // version 1 has no such register
    CHECK_EQ(start(0x07300403, 0, 0, EDX(2, 48), BUDGET), 0);                  // two counters: not that one
    CHECK_EQ(start(0x07300403, 0, 1u << 2, EDX(2, 48), BUDGET), 0);            // the bitmap means nothing before version 5
    CHECK_EQ(start(0x08300805, 0, 1u << 3, EDX(2, 48), BUDGET), 0);
    CHECK_EQ(start(0x07300403, 0, 0, EDX(3, 0), BUDGET), 0);
    CHECK_EQ(start(0x07300403, 0, 0, EDX(3, 31), 1), 0);
    CHECK_EQ(start(0x07300403, 0, 0, EDX(3, 64), 1), 0);
    CHECK_EQ(start(0x07300403, 0, 0, EDX(3, 255), 1), 0);
}

TEST(a_budget_that_the_counter_cannot_hold_has_none)
{
    CHECK_EQ(start(0x07300403, 0, 0, EDX(3, 40), 0), 0);  // no limit
    CHECK_EQ(start(0x07300403, 0, 0, EDX(3, 40), 1ull << 39), 1ull << 39);
    CHECK_EQ(start(0x07300403, 0, 0, EDX(3, 40), (1ull << 39) + 1), 0);
    CHECK_EQ(start(0x07300403, 0, 0, EDX(3, 40), ~0ull), 0);
}
