// SPDX-License-Identifier: BSD-2-Clause
// Medians.

#include "cpu_insn.h"
#include "median.h"

static uint64_t middle(uint64_t *ticks, uint64_t count)
{
    for (uint64_t i = 1; i < count; i++) {
        const uint64_t value = ticks[i];
        uint64_t j = i;
        for (; j > 0 && ticks[j - 1] > value; j--)
            ticks[j] = ticks[j - 1];
        ticks[j] = value;
    }
    return ticks[count / 2];
}

uint64_t median(uint64_t *ticks, uint64_t count)
{
    uint64_t empty[RUNS];
    for (unsigned i = 0; i < RUNS; i++) {
        const uint64_t start = tsc();
        empty[i] = tsc() - start;
    }
    const uint64_t nothing = middle(empty, RUNS), value = middle(ticks, count);
    return value > nothing ? value - nothing : 0;
}
