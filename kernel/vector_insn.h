// SPDX-License-Identifier: BSD-2-Clause
// Vector registers as after a reset. L0 itself never uses them.
#pragma once

#include <stdint.h>

#include "cr.h"

// What XRSTOR and FXRSTOR take them from: a header of zeroes stands for the initial state of all that XCR0 has, but MXCSR (SDM 1 13.8 "Operation of
// XRSTOR"); FXRSTOR does it where L1 has switched nothing on in XCR0.
static inline void insn_vectors_reset(uint64_t host_cr0)
{
    static const uint32_t area[144] __attribute__((aligned(64))) = { [0] = 0x37f, [6] = 0x1f80 };  // FCW, MXCSR
    cr0_write(host_cr0 & ~CR0_TS);
    __asm__ volatile("fxrstor64 %0" : : "m"(area) : "memory");
    if (cr4_read() & CR4_OSXSAVE)
        __asm__ volatile("xrstor64 %0" : : "m"(area), "a"(~0u), "d"(~0u) : "memory");
    cr0_write(host_cr0);
}
