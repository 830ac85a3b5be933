// SPDX-License-Identifier: BSD-2-Clause
// Two IDTs' stubs of 16 bytes each: L1's and L2's. And calling a test so that it can be left from anywhere.

#include "registers.h"

    .macro PUSH_ALL
    push %rax
    push %rcx
    push %rdx
    push %rbx
    push %rbp
    push %rsi
    push %rdi
    push %r8
    push %r9
    push %r10
    push %r11
    push %r12
    push %r13
    push %r14
    push %r15
    .endm
    .macro POP_ALL
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %r11
    pop %r10
    pop %r9
    pop %r8
    pop %rdi
    pop %rsi
    pop %rbp
    pop %rbx
    pop %rdx
    pop %rcx
    pop %rax
    .endm
    .text
    STUBS trap_stub, 256, 1f
1:  PUSH_ALL
    mov %rsp, %rdi
    cld
    call trap_l1
    POP_ALL
    add $16, %rsp
    iretq

    STUBS l2_stub, 256, 1f
1:  PUSH_ALL
    mov %rsp, %rdi
    cld
    call trap_l2
    POP_ALL
    .globl l2_trapped
l2_trapped:                     // L1 sees this VMCALL, and may let L2 go on behind it
    vmcall
    add $16, %rsp
    .globl l2_iret
l2_iret:
    iretq

    .globl test_call
test_call:                      // rdi: function, rsi: its argument, rdx: struct cpu
    PUSH_KEPT
    sub $8, %rsp
    mov %rsp, 24(%rdx)
    mov %rdi, %rax
    mov %rsi, %rdi
    call *%rax
    .globl test_leave
test_leave:
    cli
    cld
    mov %gs:24, %rsp
    add $8, %rsp
    POP_KEPT
    ret

    .globl cpu_on_stack
cpu_on_stack:                   // rdi: function, rsi: its argument, rdx: stack; doesn't return
    mov %rdx, %rsp
    xor %ebp, %ebp
    mov %rdi, %rax
    mov %rsi, %rdi
    call *%rax
    ud2

    .section .note.GNU-stack, "", @progbits
