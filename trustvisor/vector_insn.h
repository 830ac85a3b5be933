// SPDX-License-Identifier: BSD-2-Clause
// Saving and loading vector state (SDM 1 13.7 "Operation of XSAVE", 10.5 "FXSAVE and FXRSTOR Instructions"). Areas are aligned to 64 bytes.
#pragma once

#include <stdint.h>

static inline void insn_xsave(void *area) { __asm__ volatile("xsave64 (%0)" : : "r"(area), "a"(~0u), "d"(~0u) : "memory"); }
static inline void insn_xrstor(const void *area) { __asm__ volatile("xrstor64 (%0)" : : "r"(area), "a"(~0u), "d"(~0u) : "memory"); }
static inline void insn_fxsave(void *area) { __asm__ volatile("fxsave64 (%0)" : : "r"(area) : "memory"); }
static inline void insn_fxrstor(const void *area) { __asm__ volatile("fxrstor64 (%0)" : : "r"(area) : "memory"); }

// XCR0. Only where CPUID says OSXSAVE.
static inline uint32_t insn_xgetbv(void)
{
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}
