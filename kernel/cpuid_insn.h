// SPDX-License-Identifier: BSD-2-Clause
// The CPUID instruction.
#pragma once

#include <stdint.h>

struct cpuid { uint64_t rax, rbx, rcx, rdx; };  // the upper halves are 0 (SDM 2A "CPUID-CPU Identification")

static inline struct cpuid cpuid_read(uint32_t leaf, uint32_t subleaf)
{
    struct cpuid r;
    __asm__ volatile("cpuid" : "=a"(r.rax), "=b"(r.rbx), "=c"(r.rcx), "=d"(r.rdx) : "a"(leaf), "c"(subleaf));
    return r;
}
