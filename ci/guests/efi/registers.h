/* SPDX-License-Identifier: BSD-2-Clause */
/* For assembly code of guests: registers that go to memory and come back, and the stubs of an IDT. */
#pragma once

/* What a function of C's has to leave as it was. */
.macro PUSH_KEPT
    push %rbp
    push %rbx
    push %r12
    push %r13
    push %r14
    push %r15
.endm
.macro POP_KEPT
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbx
    pop %rbp
.endm

/* All registers but RSP, from the 16 quadwords at RDI + \at in the order of their numbers. Leaves the flags alone. */
.macro LOAD_GPR at
    mov \at + 0(%rdi), %rax
    mov \at + 8(%rdi), %rcx
    mov \at + 16(%rdi), %rdx
    mov \at + 24(%rdi), %rbx
    mov \at + 40(%rdi), %rbp
    mov \at + 48(%rdi), %rsi
    mov \at + 64(%rdi), %r8
    mov \at + 72(%rdi), %r9
    mov \at + 80(%rdi), %r10
    mov \at + 88(%rdi), %r11
    mov \at + 96(%rdi), %r12
    mov \at + 104(%rdi), %r13
    mov \at + 112(%rdi), %r14
    mov \at + 120(%rdi), %r15
    mov \at + 56(%rdi), %rdi
.endm
/* The way back. RDI's value is on the stack, and goes from there; changes RAX. */
.macro STORE_GPR at
    mov %rax, \at + 0(%rdi)
    mov %rcx, \at + 8(%rdi)
    mov %rdx, \at + 16(%rdi)
    mov %rbx, \at + 24(%rdi)
    mov %rbp, \at + 40(%rdi)
    mov %rsi, \at + 48(%rdi)
    pop %rax
    mov %rax, \at + 56(%rdi)
    mov %r8, \at + 64(%rdi)
    mov %r9, \at + 72(%rdi)
    mov %r10, \at + 80(%rdi)
    mov %r11, \at + 88(%rdi)
    mov %r12, \at + 96(%rdi)
    mov %r13, \at + 104(%rdi)
    mov %r14, \at + 112(%rdi)
    mov %r15, \at + 120(%rdi)
.endm

#define MSR_EFER 0xc0000080
#define EFER_LME 0x100
#define CR0_PG   0x80000000

/* For 32-bit code, on its way to compatibility mode and back: paging off, then EFER.LME (SDM 3A 10.8.5.4 "Switching Out of IA-32e Mode Operation"). Change EAX, the latter
   ECX and EDX, too. */
.macro PAGING_OFF
    mov %cr0, %eax
    and $~CR0_PG, %eax
    mov %eax, %cr0
.endm
.macro LME_OFF
    mov $MSR_EFER, %ecx
    rdmsr
    and $~EFER_LME, %eax
    wrmsr
.endm
.macro LME_ON
    mov $MSR_EFER, %ecx
    rdmsr
    or $EFER_LME, %eax
    wrmsr
.endm

/* The code of \count vectors, 16 bytes each: goes to \entry with the vector and an error code on the stack, 0 where the CPU has none (SDM 3A 6.13). */
.macro STUBS name, count, entry
    .balign 16
    .globl \name
\name:
    .set vector, 0
    .rept \count
    .balign 16
    .if !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 || vector == 30)
    push $0
    .endif
    push $vector
    jmp \entry
    .set vector, vector + 1
    .endr
.endm
