// SPDX-License-Identifier: BSD-2-Clause
// Exceptions: one stub of 16 bytes a vector.

#include "registers.h"

    .text
    STUBS trap_stub, 32, trap_entry

trap_entry:                     // vector, error code, RIP, CS, RFLAGS, RSP, SS
    cmpq $0, try_stack(%rip)
    jne 1f
    mov (%rsp), %rdi
    mov 8(%rsp), %rsi
    mov 16(%rsp), %rdx
    and $-16, %rsp
    call trap_unexpected
1:  mov try_stack(%rip), %rsp   // as trap_try left it
    xor %eax, %eax
    jmp try_end

    .globl trap_try
trap_try:                       // rdi: function
    PUSH_KEPT
    sub $8, %rsp
    mov %rsp, try_stack(%rip)
    call *%rdi
    mov $1, %eax
try_end:
    movq $0, try_stack(%rip)
    add $8, %rsp
    POP_KEPT
    ret

    .data
    .balign 8
try_stack:
    .quad 0

    .section .note.GNU-stack, "", @progbits
