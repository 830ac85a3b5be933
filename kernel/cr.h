// SPDX-License-Identifier: BSD-2-Clause
// Control registers, debug registers, flags: bits and access.
#pragma once

#include <stdint.h>

#define CR0_PE (1ull << 0)
#define CR0_TS (1ull << 3)
#define CR0_ET (1ull << 4)
#define CR0_NE (1ull << 5)
#define CR0_WP (1ull << 16)
#define CR0_NW (1ull << 29)
#define CR0_CD (1ull << 30)
#define CR0_PG (1ull << 31)

#define CR4_PAE        (1ull << 5)
#define CR4_PGE        (1ull << 7)
#define CR4_LA57       (1ull << 12)
#define CR4_VMXE       (1ull << 13)
#define CR4_PCIDE      (1ull << 17)
#define CR4_OSXSAVE    (1ull << 18)
#define CR4_SMAP       (1ull << 21)
#define CR4_CET        (1ull << 23)

#define RFLAGS_FIXED   (1ull << 1)
#define RFLAGS_TF      (1ull << 8)
#define RFLAGS_DF      (1ull << 10)

#define DR6_RESET      0xffff0ff0ull
#define DR7_RESET      0x400ull

#define CR_ACCESSORS(name)                                                                \
    static inline uint64_t name##_read(void)                                              \
    {                                                                                     \
        uint64_t value;                                                                   \
        __asm__ volatile("mov %%" #name ", %0" : "=r"(value) : : "memory");               \
        return value;                                                                     \
    }                                                                                     \
    static inline void name##_write(uint64_t value)                                       \
    {                                                                                     \
        __asm__ volatile("mov %0, %%" #name : : "r"(value) : "memory");                   \
    }
CR_ACCESSORS(cr0)
CR_ACCESSORS(cr2)
CR_ACCESSORS(cr3)
CR_ACCESSORS(cr4)
CR_ACCESSORS(dr6)
CR_ACCESSORS(dr7)
#undef CR_ACCESSORS

// DR0 to DR3; DR7 is in the VMCS.
static inline void dr_read(uint64_t dr[4])
{
    __asm__ volatile("mov %%dr0, %0\n mov %%dr1, %1\n mov %%dr2, %2\n mov %%dr3, %3" : "=r"(dr[0]), "=r"(dr[1]), "=r"(dr[2]), "=r"(dr[3]));
}

static inline void dr_write(const uint64_t dr[4])
{
    __asm__ volatile("mov %0, %%dr0\n mov %1, %%dr1\n mov %2, %%dr2\n mov %3, %%dr3" : : "r"(dr[0]), "r"(dr[1]), "r"(dr[2]), "r"(dr[3]));
}
