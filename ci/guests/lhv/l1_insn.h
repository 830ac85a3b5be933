// SPDX-License-Identifier: BSD-2-Clause
// L1's instructions that may fault (outcomes as in vmx.h), and single steps.
#pragma once

#include <stdint.h>

#include "vmx.h"

#define TRY_MOVE_TO(cr)                                                                                \
    static inline int try_##cr(uint64_t value)                                                         \
    {                                                                                                  \
        uint64_t flags;                                                                                \
        vmx_before();                                                                                  \
        __asm__ volatile(CATCH("mov %1, %%" #cr) : "=&a"(flags) : "r"(value) : "memory", "cc");        \
        return vmx_outcome(0);                                                                         \
    }
TRY_MOVE_TO(cr0)
TRY_MOVE_TO(cr4)
#undef TRY_MOVE_TO

static inline int try_xsetbv(uint32_t number, uint64_t value)
{
    vmx_before();
    __asm__ volatile("lea 999f(%%rip), %%rbx\n\tmov %%rbx, %%gs:8\n\txsetbv\n\t999: movq $0, %%gs:8"
                     : : "c"(number), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "rbx", "memory", "cc");
    return vmx_outcome(0);
}
static inline int try_invd(void)
{
    uint64_t flags;
    vmx_before();
    __asm__ volatile(CATCH("invd") : "=&a"(flags) : : "memory", "cc");
    return vmx_outcome(0);
}
static inline uint64_t xgetbv(void)
{
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}
static inline uint64_t smsw(void) { uint64_t v; __asm__ volatile("smsw %0" : "=r"(v)); return v; }

// One instruction with RFLAGS.TF on; the #DB is caught and ends it. behind: where the instruction ends.
struct stepped { uint64_t behind; };
#define STEP(name, instruction)                                                                                             \
    static inline void step_##name(struct stepped *out, uint64_t argument)                                                  \
    {                                                                                                                       \
        uint64_t behind, a = 0, c = argument, d = 0x80;                                                                     \
        __asm__ volatile("lea 998f(%%rip), %0\n\tlea 999f(%%rip), %%rbx\n\tmov %%rbx, %%gs:8\n\t"                           \
                         "pushfq\n\torq $0x100, (%%rsp)\n\tpopfq\n\t" instruction "\n\t998: nop\n\tnop\n\t"                 \
                         "999: movq $0, %%gs:8"                                                                              \
                         : "=&r"(behind), "+a"(a), "+c"(c), "+d"(d) : : "rbx", "memory", "cc");                             \
        out->behind = behind;                                                                                               \
    }
STEP(nop, "nop")
STEP(cpuid, "cpuid")
STEP(rdmsr, "rdmsr")
STEP(mov_cr4, "mov %%cr4, %%rax")
STEP(out, "outb %%al, %%dx")
STEP(in, "inb %%dx, %%al")
STEP(invd, "invd")
#undef STEP
