// SPDX-License-Identifier: BSD-2-Clause
// VM entry and exit. HOST_RSP is any stack: the code here finds its own in struct cpu.

    .text
    .globl l2_enter
l2_enter:                       // rdi: struct cpu, rsi: launched; returns 0 exit, 1 VMfailInvalid, 2 VMfailValid, 3 exception
    push %rbp
    push %rbx
    push %r12
    push %r13
    push %r14
    push %r15
    mov %rsp, 16(%rdi)
    lea 4f(%rip), %rax
    mov %rax, 8(%rdi)
    test %rsi, %rsi
    mov 32(%rdi), %rax
    mov 40(%rdi), %rcx
    mov 48(%rdi), %rdx
    mov 56(%rdi), %rbx
    mov 72(%rdi), %rbp
    mov 80(%rdi), %rsi
    mov 96(%rdi), %r8
    mov 104(%rdi), %r9
    mov 112(%rdi), %r10
    mov 120(%rdi), %r11
    mov 128(%rdi), %r12
    mov 136(%rdi), %r13
    mov 144(%rdi), %r14
    mov 152(%rdi), %r15
    mov 88(%rdi), %rdi
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
    mov %rax, 32(%rdi)
    mov %rcx, 40(%rdi)
    mov %rdx, 48(%rdi)
    mov %rbx, 56(%rdi)
    mov %rbp, 72(%rdi)
    mov %rsi, 80(%rdi)
    pop %rax
    mov %rax, 88(%rdi)
    mov %r8, 96(%rdi)
    mov %r9, 104(%rdi)
    mov %r10, 112(%rdi)
    mov %r11, 120(%rdi)
    mov %r12, 128(%rdi)
    mov %r13, 136(%rdi)
    mov %r14, 144(%rdi)
    mov %r15, 152(%rdi)
    xor %eax, %eax
6:  pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbx
    pop %rbp
    ret

    .section .note.GNU-stack, "", @progbits
