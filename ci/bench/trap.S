// SPDX-License-Identifier: BSD-2-Clause
// Exceptions: one stub of 16 bytes a vector.

    .text
    .balign 16
    .globl trap_stub
trap_stub:
    .set vector, 0
    .rept 32
    .balign 16
    .if !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 || vector == 30)
    push $0                     // the CPU pushes no error code
    .endif
    push $vector
    jmp trap_entry
    .set vector, vector + 1
    .endr

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
    push %rbp
    push %rbx
    push %r12
    push %r13
    push %r14
    push %r15
    sub $8, %rsp
    mov %rsp, try_stack(%rip)
    call *%rdi
    mov $1, %eax
try_end:
    movq $0, try_stack(%rip)
    add $8, %rsp
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbx
    pop %rbp
    ret

    .data
    .balign 8
try_stack:
    .quad 0

    .section .note.GNU-stack, "", @progbits
