// SPDX-License-Identifier: BSD-2-Clause
// CPUID.
#pragma once

#include <stdint.h>

static inline void insn_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
    __asm__ volatile("cpuid" : "=a"(out[0]), "=b"(out[1]), "=c"(out[2]), "=d"(out[3]) : "a"(leaf), "c"(subleaf));
}
