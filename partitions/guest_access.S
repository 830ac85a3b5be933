// SPDX-License-Identifier: BSD-2-Clause
// The instructions that touch the window. A page fault on the window between rt_fixup_first and rt_fixup_last goes on at
// rt_fixup_resume (struct partition_header): no stack is in use there, so that it returns false in the caller's place.

    .macro ENTRY name
    .globl \name
    .type \name, @function
\name:
    .endm

    .text
    .globl rt_fixup_first
rt_fixup_first:
ENTRY window_read64         // rdi: address, rsi: value
    mov (%rdi), %rax
    mov %rax, (%rsi)
    mov $1, %eax
    ret
ENTRY window_read32
    mov (%rdi), %eax
    mov %eax, (%rsi)
    mov $1, %eax
    ret
ENTRY window_write64        // rdi: address, rsi: value
    mov %rsi, (%rdi)
    mov $1, %eax
    ret
ENTRY window_write32
    mov %esi, (%rdi)
    mov $1, %eax
    ret
ENTRY window_copy_in        // rdi: to, rsi: from, rdx: bytes
ENTRY window_copy_out
    mov %rdx, %rcx
    shr $3, %rcx
    rep movsq
    mov %edx, %ecx
    and $7, %ecx
    rep movsb
    mov $1, %eax
    ret
ENTRY window_compare        // rdi: address, rsi: with, rdx: qwords, rcx: equal
    mov %rcx, %r8
    mov %rdx, %rcx
    xor %eax, %eax          // ZF: no qwords are all equal
    repe cmpsq
    mov %rdx, %rax
    je 1f
    inc %rcx                // the one that differs isn't equal
1:  sub %rcx, %rax
    mov %rax, (%r8)
    mov $1, %eax
    ret
ENTRY window_exchange64     // rdi: address, rsi: expected, rdx: desired, rcx: found
    mov %rsi, %rax
    lock cmpxchg %rdx, (%rdi)
    mov %rax, (%rcx)
    mov $1, %eax
    ret
ENTRY window_exchange32
    mov %esi, %eax
    lock cmpxchg %edx, (%rdi)
    mov %eax, (%rcx)
    mov $1, %eax
    ret
    .globl rt_fixup_last
rt_fixup_last:

    .globl rt_fixup_resume
rt_fixup_resume:
    xor %eax, %eax
    ret

    .section .note.GNU-stack, "", @progbits
