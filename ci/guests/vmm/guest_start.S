/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest's way from real mode to 64-bit code. EBX holds the vCPU's number all the way. */

#include "guest_paging.h"
#include "guest_segments.h"

#define MAILBOX 0x100000
#define STACK_TOP 0x90000
#define STACK_BYTES 0x4000

    .section .start, "ax"
    .code16
    .globl real_mode_start
real_mode_start:
    cli
    xorw %ax, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    /* One page of real-mode stack each, below the image. */
    movw %bx, %sp
    shlw $9, %sp
    addw $0x1200, %sp

    /* An interrupt through the real-mode vector table: handler at 0:real_mode_interrupt. */
    movw $real_mode_interrupt, 0x20 * 4
    movw $0, 0x20 * 4 + 2
    xorl %esi, %esi
    int $0x20

    /* 1 + 2 + ... + 100. */
    xorl %edi, %edi
    movw $100, %cx
1:  movzwl %cx, %eax
    addl %eax, %edi
    loop 1b

    enter_protected protected_start

real_mode_interrupt:
    incl %esi
    iretw

    .code32
protected_start:
    flat_data
    enter_ia32e
    ljmpl $CODE64, $long_start

    .code64
long_start:
    movl %ebx, %ebx
    movq %rbx, %rax
    imulq $STACK_BYTES, %rax
    leaq STACK_TOP + STACK_BYTES(%rax), %rsp
    movq %rbx, %rax
    shlq $12, %rax
    addq $MAILBOX, %rax
    movq %rax, (%rax)        /* self */
    movl %edi, 8(%rax)       /* real_mode_sum */
    movl %esi, 16(%rax)      /* real_mode_interrupts */
    movq %rbx, %rdi
    movq %rax, %rsi
    call guest_main
1:  hlt
    jmp 1b

    flat_gdt

    identity_map
    .section .note.GNU-stack, "", @progbits
