// SPDX-License-Identifier: BSD-2-Clause
// System calls: SYSENTER with the number in RAX, arguments in RDI, RSI, R8, the address to go on at in RDX and the stack
// pointer in RCX (caps/syscall.h). The numbers are those of enum syscall.

    .macro SYSTEM_CALL name, number
    .globl \name
    .type \name, @function
\name:
    mov %rdx, %r8           // C's third argument
    mov $\number, %eax
    mov %rsp, %rcx
    lea 1f(%rip), %rdx
    sysenter
1:  ret
    .size \name, . - \name
    .endm

    .text
    .globl syscall_reply
    .type syscall_reply, @function
syscall_reply:              // goes on nowhere
    xor %eax, %eax
    sysenter
    .size syscall_reply, . - syscall_reply

    SYSTEM_CALL syscall_invoke, 1
    SYSTEM_CALL syscall_fetch, 2
    SYSTEM_CALL syscall_call, 3
    SYSTEM_CALL syscall_log, 4
    SYSTEM_CALL syscall_read_msr, 5
    SYSTEM_CALL syscall_port, 6
    SYSTEM_CALL syscall_load, 7

    .section .note.GNU-stack, "", @progbits
