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
ENTRY window_walk           // rdi: top, rsi: address, rdx: struct guest_path
    mov $-1, %r11           // AND and OR of the tables' entries
    xor %r10d, %r10d
    mov $3, %r9d            // the level
    mov $39, %ecx
1:  mov %rsi, %rax
    shr %cl, %rax
    and $511, %eax
    mov (%rdi,%rax,8), %rax
    mov %rax, 48(%rdx,%r9,8)
    mov %rax, %r8
    and (%rdx), %r8
    cmp 8(%rdx), %r8
    jne 3f
    sub $9, %ecx
    dec %r9d
    js 2f
    test $0x80, %al
    jnz 2f
    and %rax, %r11
    or %rax, %r10
    mov %rax, %rdi
    and entry_address(%rip), %rdi
    add window_base(%rip), %rdi
    jmp 1b
2:  inc %r9d
    sub window_base(%rip), %rdi
    mov %r11, 16(%rdx)
    mov %r10, 24(%rdx)
    mov %rdi, 32(%rdx)
    mov %r9, 40(%rdx)
    mov $1, %eax
    ret
3:  xor %eax, %eax
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

    .section .rodata
    .balign 8
entry_address:
    .quad 0x000ffffffffff000
window_base:
    .quad 0x0000010000000000    // WINDOW_BASE of caps/layout.h

    .section .note.GNU-stack, "", @progbits
