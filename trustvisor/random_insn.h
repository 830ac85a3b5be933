// SPDX-License-Identifier: BSD-2-Clause
// RDSEED and RDRAND (SDM 1 7.3.17 "Random Number Generator Instructions"): false where there was no number this time.
#pragma once

#include <stdbool.h>
#include <stdint.h>

static inline bool insn_rdseed(uint64_t *value)
{
    bool good;
    __asm__ volatile("rdseed %0" : "=r"(*value), "=@ccc"(good));
    return good;
}

static inline bool insn_rdrand(uint64_t *value)
{
    bool good;
    __asm__ volatile("rdrand %0" : "=r"(*value), "=@ccc"(good));
    return good;
}
