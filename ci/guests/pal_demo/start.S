// SPDX-License-Identifier: BSD-2-Clause
// Where Linux starts a program: argc and argv lie on the stack.

    .text
    .globl _start
    .type _start, @function
_start:
#ifdef __x86_64__
    mov %rsp, %rdi
    and $-16, %rsp
    call program_start
#else
    mov %esp, %eax
    and $-16, %esp
    sub $12, %esp
    push %eax
    call program_start
#endif
    hlt
    .size _start, . - _start

    .section .note.GNU-stack, "", @progbits
