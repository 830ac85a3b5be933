// SPDX-License-Identifier: BSD-2-Clause
// Ends blocking of NMIs in L1.
#pragma once

// IRET to the next instruction.
static inline void nmi_unblock(void)
{
    __asm__ volatile("mov %%rsp, %%rax\n\tmov %%ss, %%ecx\n\tpush %%rcx\n\tpush %%rax\n\tpushfq\n\tmov %%cs, %%ecx\n\tpush %%rcx\n\t"
                     "lea 1f(%%rip), %%rcx\n\tpush %%rcx\n\tiretq\n\t1: nop\n\tnop" : : : "rax", "rcx", "memory", "cc");
}
