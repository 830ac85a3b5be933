// SPDX-License-Identifier: BSD-2-Clause
// To L1's privilege level 3 and back.

#include "registers.h"

    .text
    .globl user_run
user_run:                       // rdi: function, rsi: its argument, rdx: its stack
    PUSH_KEPT
    mov %rsp, %gs:16
    mov %rdx, %r8
    mov %gs:0, %rax             // a selector of privilege level 0 would go with IRET, and its base with it
    xor %ecx, %ecx
    mov %ecx, %fs
    mov %ecx, %gs
    mov %rax, %rdx
    shr $32, %rdx
    mov $0xc0000101, %ecx
    wrmsr
    push $0x43                  // SELECTOR_USER_DATA
    push %r8
    push $0x202
    push $0x4b                  // SELECTOR_USER_CODE
    lea 1f(%rip), %rax
    push %rax
    mov %rdi, %rax
    mov %rsi, %rdi
    iretq
1:  call *%rax
    .globl user_faulted
user_faulted:
    int $0x81                   // VECTOR_USER_END
    ud2

    .globl user_end
user_end:
    cld
    mov %gs:16, %rsp
    POP_KEPT
    ret

    .section .note.GNU-stack, "", @progbits
