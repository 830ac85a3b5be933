// SPDX-License-Identifier: BSD-2-Clause
// VM entries and exits. HOST_RSP is any stack: the code here finds its own again in memory, which saves a VMWRITE.

    .text
    .macro PUSH_ALL
    push %rbp
    push %rbx
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
    pop %rbx
    pop %rbp
    .endm

    .globl vm_enter
vm_enter:                       // rdi: launched
    PUSH_ALL
    mov %rsp, l1_stack(%rip)
    test %rdi, %rdi
    lea vm_gpr(%rip), %rdi
    mov 0(%rdi), %rax
    mov 8(%rdi), %rcx
    mov 16(%rdi), %rdx
    mov 24(%rdi), %rbx
    mov 40(%rdi), %rbp
    mov 48(%rdi), %rsi
    mov 64(%rdi), %r8
    mov 72(%rdi), %r9
    mov 80(%rdi), %r10
    mov 88(%rdi), %r11
    mov 96(%rdi), %r12
    mov 104(%rdi), %r13
    mov 112(%rdi), %r14
    mov 120(%rdi), %r15
    mov 56(%rdi), %rdi
    jnz 1f
    vmlaunch
    jmp 2f
1:  vmresume
2:  mov $1, %eax                // CF: VMfailInvalid
    jc 3f
    mov $2, %eax                // ZF: VMfailValid
3:  mov l1_stack(%rip), %rsp
    POP_ALL
    ret

    .globl vm_exit_to_enter
vm_exit_to_enter:
    mov l1_stack(%rip), %rsp
    push %rdi
    lea vm_gpr(%rip), %rdi
    mov %rax, 0(%rdi)
    mov %rcx, 8(%rdi)
    mov %rdx, 16(%rdi)
    mov %rbx, 24(%rdi)
    mov %rbp, 40(%rdi)
    mov %rsi, 48(%rdi)
    pop %rax
    mov %rax, 56(%rdi)
    mov %r8, 64(%rdi)
    mov %r9, 72(%rdi)
    mov %r10, 80(%rdi)
    mov %r11, 88(%rdi)
    mov %r12, 96(%rdi)
    mov %r13, 104(%rdi)
    mov %r14, 112(%rdi)
    mov %r15, 120(%rdi)
    xor %eax, %eax
    POP_ALL
    ret

// A VM exit leaves the GPRs as L2 has them, and L2 changes none: they are L1's all the way. Around VMRESUME lie the same
// instructions as in an empty measurement (tsc(), a MOV, tsc()).
    .globl l2_round_trips
l2_round_trips:                 // rdi: ticks, rsi: count
    PUSH_ALL
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
    POP_ALL
    ret

    .data
    .balign 8
l1_stack:
    .quad 0
    .globl vm_gpr
vm_gpr:
    .fill 16, 8, 0

    .section .note.GNU-stack, "", @progbits
