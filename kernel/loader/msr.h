// SPDX-License-Identifier: BSD-2-Clause
// Model-specific registers (SDM 4 chapter 2). The caller knows that the CPU has the MSR: #GP isn't handled here, but by msr_guard.h.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define MSR_APIC_BASE       0x1bu
#define APIC_BASE_ADDRESS   0x000ffffffffff000ull
#define APIC_BASE_ENABLE    (1u << 11)
#define MSR_FEATURE_CONTROL 0x3au
#define MSR_SYSENTER_CS     0x174u
#define MSR_SYSENTER_ESP    0x175u
#define MSR_SYSENTER_EIP    0x176u
#define MSR_DEBUGCTL        0x1d9u
#define MSR_PAT             0x277u
#define MSR_PERF_CAPABILITIES    0x345u
#define PERF_CAPABILITIES_FREEZE_SMM (1u << 12)
#define MSR_FIXED_CTR2           0x30bu
#define MSR_FIXED_CTR_CTRL       0x38du
#define MSR_PERF_GLOBAL_STATUS   0x38eu
#define MSR_PERF_GLOBAL_CTRL     0x38fu
#define MSR_PERF_GLOBAL_OVF_CTRL 0x390u
#define MSR_EFER            0xc0000080u
#define EFER_LME            (1ull << 8)
#define EFER_LMA            (1ull << 10)
#define EFER_NXE            (1ull << 11)
#define MSR_FS_BASE         0xc0000100u
#define MSR_GS_BASE         0xc0000101u

static inline uint64_t msr_read(uint32_t msr)
{
    uint32_t low, high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
    return low | (uint64_t)high << 32;
}

static inline uint64_t tsc_read(void)
{
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return low | (uint64_t)high << 32;
}

static inline void msr_write(uint32_t msr, uint64_t value)
{
    __asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "memory");
}

// Between msr_guard_begin() and msr_guard_end(). false: #GP.
static inline bool msr_try_read(uint32_t msr, uint64_t *value)
{
    uint32_t low = 0, high = 0, failed;
    __asm__ volatile("xorl %%r8d, %%r8d; rdmsr; movl %%r8d, %2" : "=&a"(low), "=&d"(high), "=&r"(failed) : "c"(msr) : "r8", "cc", "memory");
    *value = low | (uint64_t)high << 32;
    return !failed;
}

static inline bool msr_try_write(uint32_t msr, uint64_t value)
{
    uint32_t failed;
    __asm__ volatile("xorl %%r8d, %%r8d; wrmsr; movl %%r8d, %0"
                     : "=&r"(failed) : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "r8", "cc", "memory");
    return !failed;
}
