// SPDX-License-Identifier: BSD-2-Clause
#include "vector.h"

#include <rt/string.h>

#include "cpuid_insn.h"
#include "pal.h"
#include "vector_insn.h"

#define CPUID_1_ECX_XSAVE   (1u << 26)
#define CPUID_1_ECX_OSXSAVE (1u << 27)
#define CPUID_D             0xdu
#define XCR0_SSE            2u
#define MXCSR_AT            24u      // SDM 1 table 10-2 "Format of an FXSAVE Area"
#define LEGACY_AND_HEADER   576u
#define MXCSR_RESET         0x1f80u
#define FCW_RESET           0x37fu

// XSAVE knows the vector registers only where L1 has switched them on in XCR0; before that FXSAVE does.
static bool by_xsave(void)
{
    uint32_t leaf[4];
    insn_cpuid(1, 0, leaf);
    return (leaf[2] & CPUID_1_ECX_OSXSAVE) && (insn_xgetbv() & XCR0_SSE);
}

bool vector_fits(void)
{
    uint32_t leaf[4];
    insn_cpuid(1, 0, leaf);
    if (!(leaf[2] & CPUID_1_ECX_XSAVE))
        return true;
    insn_cpuid(CPUID_D, 0, leaf);
    return leaf[2] <= PAL_VECTORS;  // ECX: of all that the CPU has; L1 may switch on more of it later
}

void vector_save(uint8_t *area)
{
    if (by_xsave())
        insn_xsave(area);
    else
        insn_fxsave(area);
}

void vector_load(const uint8_t *area)
{
    if (by_xsave())
        insn_xrstor(area);
    else
        insn_fxrstor(area);
}

// A header of zeroes (XSTATE_BV) means initial state to XRSTOR, whatever lies behind it, but for MXCSR; FXRSTOR takes what is there.
void vector_reset(uint8_t *area)
{
    static const uint16_t fcw = FCW_RESET;
    static const uint32_t mxcsr = MXCSR_RESET;
    memset(area, 0, LEGACY_AND_HEADER);
    memcpy(area, &fcw, sizeof(fcw));
    memcpy(&area[MXCSR_AT], &mxcsr, sizeof(mxcsr));
}
