// SPDX-License-Identifier: BSD-2-Clause
// HYPERCALL_REPORT_READ.
#pragma once

#include <stdint.h>

#include <caps/hypercall.h>

// The line at that offset of the records, in line[]; how many bytes that were.
static inline uint64_t report_line(uint64_t offset, uint64_t line[8])
{
    register uint64_t r8 __asm__("r8"), r9 __asm__("r9"), r10 __asm__("r10"), r11 __asm__("r11");
    register uint64_t r12 __asm__("r12"), r13 __asm__("r13"), r14 __asm__("r14"), r15 __asm__("r15");
    uint64_t number = HYPERCALL_REPORT_READ;
    __asm__ volatile("in %%dx, %%eax"
                     : "+a"(number), "=r"(r8), "=r"(r9), "=r"(r10), "=r"(r11), "=r"(r12), "=r"(r13), "=r"(r14), "=r"(r15)
                     : "b"(offset), "d"(HYPERCALL_PORT) : "memory");
    line[0] = r8, line[1] = r9, line[2] = r10, line[3] = r11, line[4] = r12, line[5] = r13, line[6] = r14, line[7] = r15;
    return number;
}
