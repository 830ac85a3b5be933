// SPDX-License-Identifier: BSD-2-Clause
// Model-specific registers: numbers, RDMSR, WRMSR, and RDTSC and XSETBV, which are of their kind.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "fixup.h"

enum msr {
    MSR_APIC_BASE = 0x1b, MSR_MTRR_CAP = 0xfe, MSR_SYSENTER_EIP = 0x176, MSR_MTRR_VARIABLE = 0x200, MSR_MTRR_FIXED_64K = 0x250,
    MSR_MTRR_FIXED_16K = 0x258, MSR_MTRR_FIXED_4K = 0x268, MSR_MTRR_DEFAULT = 0x2ff, MSR_FIXED_CTR2 = 0x30b, MSR_FIXED_CTR_CTRL = 0x38d, MSR_PERF_GLOBAL_CTRL = 0x38f,
    MSR_PERF_GLOBAL_OVF_CTRL = 0x390, MSR_X2APIC = 0x800,
};

#define EFER_LMA (1ull << 10)

static inline uint64_t msr_read(uint32_t msr)
{
    uint32_t low, high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr) : "memory");
    return low | (uint64_t)high << 32;
}

static inline void msr_write(uint32_t msr, uint64_t value)
{
    __asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "memory");
}

// false: #GP.
static inline bool msr_read_safe(uint32_t msr, uint64_t *value)
{
    uint32_t low = 0, high = 0, failed;
    __asm__ volatile("xor %%r8d, %%r8d\n" FIXUP("rdmsr") "mov %%r8d, %2"
                     : "=&a"(low), "=&d"(high), "=&r"(failed) : "c"(msr) : "r8", "cc", "memory");
    *value = low | (uint64_t)high << 32;
    return !failed;
}

#define WRITE_SAFE(name, instruction)                                                                                            \
    static inline bool name(uint32_t number, uint64_t value)                                                                     \
    {                                                                                                                            \
        uint32_t failed;                                                                                                         \
        __asm__ volatile("xor %%r8d, %%r8d\n" FIXUP(instruction) "mov %%r8d, %0"                                                 \
                         : "=r"(failed) : "c"(number), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "r8", "cc", "memory"); \
        return !failed;                                                                                                          \
    }
WRITE_SAFE(msr_write_safe, "wrmsr")
WRITE_SAFE(xsetbv_safe, "xsetbv")
#undef WRITE_SAFE

static inline uint64_t tsc_read(void)
{
    uint64_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return low | high << 32;
}

static inline uint64_t tsc_since(uint64_t before)
{
    uint64_t ticks;
    __asm__ volatile("rdtsc\n shl $32, %%rdx\n or %%rdx, %%rax\n sub %1, %%rax" : "=&a"(ticks) : "rm"(before) : "rdx", "cc");
    return ticks;
}
