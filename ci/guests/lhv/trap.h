// SPDX-License-Identifier: BSD-2-Clause
// Exceptions and interrupts of L1 and of L2.
#pragma once

#include <stdint.h>

struct trap_frame {
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax;
    uint64_t vector, error, rip, cs, rflags, rsp, ss;
};

struct gate { uint16_t offset_low, selector, attributes, offset_middle; uint32_t offset_high, reserved; };
extern struct gate trap_idt[256], l2_idt[256];
void trap_prepare(void);

// trap.S
extern const char trap_stub[], l2_stub[], l2_trapped[], l2_iret[];
void test_call(void (*what)(uint64_t), uint64_t argument, void *cpu);
_Noreturn void test_leave(void);
void trap_l1(struct trap_frame *frame), trap_l2(struct trap_frame *frame);
