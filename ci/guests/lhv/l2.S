// SPDX-License-Identifier: BSD-2-Clause
// VM entry and exit. HOST_RSP is any stack: the code here finds its own in struct cpu.

#include "registers.h"

    .text
    .globl l2_enter
l2_enter:                       // rdi: struct cpu, rsi: launched; returns 0 exit, 1 VMfailInvalid, 2 VMfailValid, 3 exception
    PUSH_KEPT
    mov %rsp, 16(%rdi)
    lea 4f(%rip), %rax
    mov %rax, 8(%rdi)
    test %rsi, %rsi
    LOAD_GPR 32
    jnz 1f
    vmlaunch
    jmp 2f
1:  vmresume
2:  mov $1, %eax                // CF: VMfailInvalid
    jc 5f
    mov $2, %eax                // ZF: VMfailValid
    jmp 5f
4:  mov $3, %eax
5:  movq $0, %gs:8
    mov %gs:16, %rsp
    jmp 6f

    .globl l2_exit
l2_exit:
    mov %gs:16, %rsp
    movq $0, %gs:8
    push %rdi
    mov %gs:0, %rdi
    STORE_GPR 32
    xor %eax, %eax
6:  POP_KEPT
    ret

    .section .note.GNU-stack, "", @progbits
