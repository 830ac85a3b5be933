// SPDX-License-Identifier: BSD-2-Clause
#include "entropy.h"

#include <rt/string.h>

#include "cpuid_insn.h"
#include "random_insn.h"

#define CPUID_7_EBX_RDSEED (1u << 18)
#define CPUID_1_ECX_RDRAND (1u << 30)
#define TRIES              1000u  // RDSEED is slow where all CPUs ask

static bool one(bool seed, bool rand, uint64_t *value)
{
    for (unsigned i = 0; seed && i < TRIES; i++)
        if (insn_rdseed(value))
            return true;
    for (unsigned i = 0; rand && i < TRIES; i++)
        if (insn_rdrand(value))
            return true;
    return false;
}

bool entropy_fill(void *out, uint32_t bytes)
{
    uint32_t leaf0[4], leaf1[4], leaf7[4] = { 0 };
    insn_cpuid(0, 0, leaf0);
    insn_cpuid(1, 0, leaf1);
    if (leaf0[0] >= 7)
        insn_cpuid(7, 0, leaf7);
    for (uint32_t done = 0, piece; done < bytes; done += piece) {
        uint64_t value;
        if (!one(leaf7[1] & CPUID_7_EBX_RDSEED, leaf1[2] & CPUID_1_ECX_RDRAND, &value))
            return false;
        piece = bytes - done < sizeof(value) ? bytes - done : (uint32_t)sizeof(value);
        memcpy((uint8_t *)out + done, &value, piece);
    }
    return true;
}
