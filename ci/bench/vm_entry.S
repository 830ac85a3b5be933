// SPDX-License-Identifier: BSD-2-Clause
// VM entries and exits. HOST_RSP is any stack: the code here finds its own again in memory, which saves a VMWRITE.

#include "registers.h"

    .text
    .globl vm_enter
vm_enter:                       // rdi: launched
    PUSH_KEPT
    mov %rsp, l1_stack(%rip)
    test %rdi, %rdi
    lea vm_gpr(%rip), %rdi
    LOAD_GPR 0
    jnz 1f
    vmlaunch
    jmp 2f
1:  vmresume
2:  mov $1, %eax                // CF: VMfailInvalid
    jc 3f
    mov $2, %eax                // ZF: VMfailValid
3:  mov l1_stack(%rip), %rsp
    POP_KEPT
    ret

    .globl vm_exit_to_enter
vm_exit_to_enter:
    mov l1_stack(%rip), %rsp
    push %rdi
    lea vm_gpr(%rip), %rdi
    STORE_GPR 0
    xor %eax, %eax
    POP_KEPT
    ret

// A VM exit leaves the GPRs as L2 has them, and L2 changes none: they are L1's all the way. Around VMRESUME lie the same
// instructions as in an empty measurement (tsc(), a MOV, tsc()).
    .globl l2_round_trips
l2_round_trips:                 // rdi: ticks, rsi: count
    PUSH_KEPT
    mov %rsp, l1_stack(%rip)
1:  jmp 2f
2:  rdtsc
    shl $32, %rdx
    or %rdx, %rax
    mov %rax, %rbp
    jmp 3f
3:  vmresume
    ud2                         // VM entry failed
    .globl vm_exit_to_round_trip
vm_exit_to_round_trip:
    rdtsc
    shl $32, %rdx
    or %rdx, %rax
    sub %rbp, %rax
    mov %rax, (%rdi)
    add $8, %rdi
    dec %rsi
    jnz 1b
    mov l1_stack(%rip), %rsp
    POP_KEPT
    ret

    .data
    .balign 8
l1_stack:
    .quad 0
    .globl vm_gpr
vm_gpr:
    .fill 16, 8, 0

    .section .note.GNU-stack, "", @progbits
