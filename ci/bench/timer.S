// SPDX-License-Identifier: BSD-2-Clause
// The handler of the timer's interrupt.

    .text
    .globl timer_handler
timer_handler:
    push %rax
    push %rdx
    jmp 1f                       // the emulator's counter: see tsc()
1:  rdtsc
    shl $32, %rdx
    or %rdx, %rax
    mov %rax, timer_seen(%rip)
    mov $0xfee000b0, %eax        // EOI
    movl $0, (%rax)
    pop %rdx
    pop %rax
    iretq

    .section .note.GNU-stack, "", @progbits
