// SPDX-License-Identifier: BSD-2-Clause
// IRET to CPL 3.
#pragma once

#include "trap.h"

// Goes on behind it on the same stack, with I/O privilege level 3 and interrupts off.
static inline void user_mode(void)
{
    __asm__ volatile("mov %%rsp, %%rax\n\tpush %0\n\tpush %%rax\n\tpush %1\n\tpush %2\n\tlea 1f(%%rip), %%rax\n\tpush %%rax\n\tiretq\n"
                     "1:\tmov %0, %%rax\n\tmov %%eax, %%ds\n\tmov %%eax, %%es"
                     : : "r"((uint64_t)SELECTOR_USER_DATA), "i"(0x3002), "i"(SELECTOR_USER_CODE) : "rax", "memory", "cc");
}
static inline void interrupts_on(void) { __asm__ volatile("sti" : : : "memory"); }
