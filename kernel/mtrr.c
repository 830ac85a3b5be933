// SPDX-License-Identifier: BSD-2-Clause
// MTRRs: a copy of them, and the types that they add up to.
#include "mtrr.h"

#include <caps/addr.h>

#include "memory.h"
#include "msr.h"
#include "vmx_caps.h"

#define VARIABLE_MAX     32
#define FIXED_COUNT      11
#define FIXED_END        0x100000u
#define CAP_FIXED        (1u << 8)
#define DEFAULT_ENABLE   (1u << 11)
#define DEFAULT_FIXED    (1u << 10)
#define MASK_VALID       (1u << 11)

struct mtrrs {
    uint64_t cap, standard;  // IA32_MTRRCAP, IA32_MTRR_DEF_TYPE
    uint64_t fixed[FIXED_COUNT];
    uint64_t variable_count;  // of the valid ones, which are all that is kept
    struct { uint64_t base, mask; } variable[VARIABLE_MAX];
};

// Written at boot and under the lock of ept01.c, where it is read.
static struct mtrrs current;

bool mtrr_read(void)
{
    struct mtrrs now = { .cap = msr_read(MSR_MTRR_CAP), .standard = msr_read(MSR_MTRR_DEFAULT) };
    if (!(now.standard & DEFAULT_ENABLE) && current.standard & DEFAULT_ENABLE)
        return false;  // L1 changes them right now, caches off; it isn't done before they are on again
    if (now.cap & CAP_FIXED)
        for (unsigned i = 0; i < FIXED_COUNT; i++)
            now.fixed[i] = msr_read(i == 0 ? MSR_MTRR_FIXED_64K : i < 3 ? MSR_MTRR_FIXED_16K + i - 1 : MSR_MTRR_FIXED_4K + i - 3);
    for (unsigned i = 0; i < (now.cap & 0xff) && i < VARIABLE_MAX; i++) {
        uint64_t base = msr_read(MSR_MTRR_VARIABLE + 2 * i), mask = msr_read(MSR_MTRR_VARIABLE + 2 * i + 1);
        if (mask & MASK_VALID) {
            now.variable[now.variable_count].base = base;
            now.variable[now.variable_count++].mask = mask;
        }
    }
    if (!memcmp(&now, &current, sizeof(now)))
        return false;
    current = now;
    return true;
}

// Of one page below 1 MiB: 8 ranges of 64 KiB, 16 of 16 KiB, 64 of 4 KiB, 8 to a register.
static enum memory_type fixed_type(uint64_t page)
{
    unsigned i = page < 0x80000 ? (unsigned)(page >> 16) : page < 0xc0000 ? 8 + (unsigned)((page - 0x80000) >> 14)
                                                                         : 24 + (unsigned)((page - 0xc0000) >> 12);
    return (enum memory_type)(current.fixed[i / 8] >> (i % 8 * 8) & 0xff);
}

// SDM 3A 12.11.4.1 "MTRR Precedences".
static enum memory_type combine(enum memory_type a, enum memory_type b)
{
    if (a == b)
        return a;
    if ((a == MEMORY_WT && b == MEMORY_WB) || (a == MEMORY_WB && b == MEMORY_WT))
        return MEMORY_WT;
    return MEMORY_UC;
}

static bool variable_type(uint64_t base, uint64_t bytes, enum memory_type *type)
{
    bool matched = false;
    *type = (enum memory_type)(current.standard & 0xff);
    uint64_t physical = (1ull << vmx_caps->physical_bits) - 1;
    for (unsigned i = 0; i < current.variable_count; i++) {
        uint64_t range_base = current.variable[i].base, mask = current.variable[i].mask & physical & PAGE_MASK;
        if ((base ^ range_base) & mask & ~(bytes - 1))
            continue;
        if (mask & (bytes - 1))
            return false;  // it may match here and not there
        enum memory_type one = (enum memory_type)(range_base & 0xff);
        *type = matched ? combine(*type, one) : one;
        matched = true;
    }
    return true;
}

bool mtrr_type(uint64_t base, uint64_t bytes, enum memory_type *type)
{
    *type = MEMORY_UC;
    if (!(current.standard & DEFAULT_ENABLE))
        return true;
    bool fixed = current.cap & CAP_FIXED && current.standard & DEFAULT_FIXED && base < FIXED_END;
    if (!fixed)
        return variable_type(base, bytes, type);
    if (bytes > PAGE_BYTES)
        return false;
    *type = fixed_type(base);
    return true;
}
