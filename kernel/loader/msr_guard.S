// SPDX-License-Identifier: BSD-2-Clause
// #GP of an RDMSR or WRMSR of the loader's that msr_guard.h watches over: both have two bytes.

    .text
    .globl msr_guard_fault
    .hidden msr_guard_fault
    .type msr_guard_fault, @function
msr_guard_fault:
    addq    $8, %rsp        // the error code
    addq    $2, (%rsp)
    movl    $1, %r8d
    iretq
    .size msr_guard_fault, . - msr_guard_fault

    .section .note.GNU-stack, "", @progbits
