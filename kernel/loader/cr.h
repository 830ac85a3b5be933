// SPDX-License-Identifier: BSD-2-Clause
// Control registers: bits that the kernel takes as they are; and stopping the CPU for good.
#pragma once

#include "../cr.h"

#define CR0_MP (1ull << 1)
#define CR4_MCE        (1ull << 6)
#define CR4_OSFXSR     (1ull << 9)
#define CR4_OSXMMEXCPT (1ull << 10)
#define CR4_UMIP       (1ull << 11)
#define CR4_SMEP       (1ull << 20)
#define CR4_PKE        (1ull << 22)
#define CR3_NO_FLUSH   (1ull << 63)

static inline _Noreturn void cpu_halt(void)
{
    for (;;)
        __asm__ volatile("cli; hlt");
}

// What the flags were.
static inline uint64_t interrupts_off(void)
{
    uint64_t flags;
    __asm__ volatile("pushfq; popq %0; cli" : "=r"(flags) : : "memory");
    return flags;
}

static inline void interrupts_restore(uint64_t flags) { __asm__ volatile("pushq %0; popfq" : : "r"(flags) : "memory", "cc"); }
