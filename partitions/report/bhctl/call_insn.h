// SPDX-License-Identifier: BSD-2-Clause
// The instructions by which software in L1 finds Bulkhead and calls a partition.
#pragma once

#include <stdint.h>

#include <caps/hypercall.h>

struct cpuid { uint32_t eax, ebx, ecx, edx; };

static inline struct cpuid insn_cpuid(uint32_t leaf)
{
    struct cpuid r;
    __asm__ volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "a"(leaf), "c"(0));
    return r;
}

// IN EAX from HYPERCALL_PORT: #GP for who may not. RAX is returned; r: R8 to R15.
static inline uint64_t insn_in_call(uint64_t number, uint64_t rbx, uint64_t r[8])
{
    register uint64_t r8 __asm__("r8") = r[0], r9 __asm__("r9") = r[1], r10 __asm__("r10") = r[2], r11 __asm__("r11") = r[3];
    register uint64_t r12 __asm__("r12") = r[4], r13 __asm__("r13") = r[5], r14 __asm__("r14") = r[6], r15 __asm__("r15") = r[7];
    __asm__ volatile("in %%dx, %%eax"
                     : "+a"(number), "+b"(rbx), "+r"(r8), "+r"(r9), "+r"(r10), "+r"(r11), "+r"(r12), "+r"(r13), "+r"(r14), "+r"(r15)
                     : "d"(HYPERCALL_PORT) : "memory");
    r[0] = r8, r[1] = r9, r[2] = r10, r[3] = r11, r[4] = r12, r[5] = r13, r[6] = r14, r[7] = r15;
    return number;
}

// The same with RCX, and *rbx is what RBX becomes.
static inline uint64_t insn_in_call_block(uint64_t number, uint64_t *rbx, uint64_t rcx, const uint64_t r[8])
{
    register uint64_t r8 __asm__("r8") = r[0], r9 __asm__("r9") = r[1], r10 __asm__("r10") = r[2], r11 __asm__("r11") = r[3];
    register uint64_t r12 __asm__("r12") = r[4], r13 __asm__("r13") = r[5], r14 __asm__("r14") = r[6], r15 __asm__("r15") = r[7];
    __asm__ volatile("in %%dx, %%eax"
                     : "+a"(number), "+b"(*rbx)
                     : "c"(rcx), "d"(HYPERCALL_PORT), "r"(r8), "r"(r9), "r"(r10), "r"(r11), "r"(r12), "r"(r13), "r"(r14), "r"(r15) : "memory");
    return number;
}

// The same with arguments in other registers. RAX is returned.
static inline uint64_t insn_in_call_with(uint64_t number, uint64_t rbx, uint64_t rcx, uint64_t rsi, uint64_t rdi)
{
    __asm__ volatile("in %%dx, %%eax" : "+a"(number) : "b"(rbx), "c"(rcx), "S"(rsi), "D"(rdi), "d"(HYPERCALL_PORT) : "memory");
    return number;
}
