// SPDX-License-Identifier: BSD-2-Clause
// What tests of NMIs share.
#pragma once

#include <stdint.h>

#include "cpu.h"
#include "trap.h"

// NMI exiting, and virtual NMIs.
enum { NMI_PLAIN, NMI_EXITED, NMI_VIRTUAL };
void nmi_controls(unsigned mode);

// L1 sends itself an NMI.
void nmi_to_self(void);
// L2 starts at the code, with what it needs to send one: RSI, RAX.
void nmi_start(const char *code);
void nmi_want_exit(void);
// The handler of L1's first NMI runs the rest of the test, with NMIs blocked.
void nmi_blocked_in_l1(void (*body)(uint64_t), uint64_t mode);

// L2's entry from its IDT.
#define NMI_HANDLER(vector) (address(l2_stub) + (vector) * 16)

// L2: an IRET to the next instruction, then NOPs.
#define NMI_IRET \
    "mov %rsp, %rax\n\tmov %ss, %ecx\n\tpush %rcx\n\tpush %rax\n\tpushfq\n\tmov %cs, %ecx\n\tpush %rcx\n\tlea 1f(%rip), %rcx\n\tpush %rcx\n\t" \
    "iretq\n\t1: .fill 16, 1, 0x90"

// Ends blocking of NMIs in L1: IRET to the next instruction.
static inline void nmi_unblock(void)
{
    __asm__ volatile("mov %%rsp, %%rax\n\tmov %%ss, %%ecx\n\tpush %%rcx\n\tpush %%rax\n\tpushfq\n\tmov %%cs, %%ecx\n\tpush %%rcx\n\t"
                     "lea 1f(%%rip), %%rcx\n\tpush %%rcx\n\tiretq\n\t1: nop\n\tnop" : : : "rax", "rcx", "memory", "cc");
}
