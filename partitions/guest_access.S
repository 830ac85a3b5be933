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
    .macro WALK_ENTRY level     // rax: the entry of that level
    mov %rsi, %rcx
    shr $(12 + 9 * \level - 3), %rcx
    and $0xff8, %ecx
    mov (%rdi,%rcx), %rax
    mov %rax, (32 + 8 * \level)(%rdx)
    .endm
    .macro WALK_TABLE level     // goes on to the next table, wherever in the window that is
    WALK_ENTRY \level
    test $0x80, %al
    jnz .Lleaf\level
    and %rax, %r11
    or %rax, %r10
    and %r8, %rax
    lea (%rax,%r9), %rdi
    .endm
ENTRY window_walk           // rdi: top, rsi: address, rdx: struct guest_path
    mov $-1, %r11           // AND and OR of the tables' entries
    xor %r10d, %r10d
    mov window_address(%rip), %r8
    mov window_base(%rip), %r9
    WALK_TABLE 3
    WALK_TABLE 2
    WALK_TABLE 1
    WALK_ENTRY 0
    xor %eax, %eax
2:  mov %r11, (%rdx)
    mov %r10, 8(%rdx)
    sub %r9, %rdi
    mov %rdi, 16(%rdx)
    mov %rax, 24(%rdx)
    mov $1, %eax
    ret
    .irp level, 1, 2, 3
.Lleaf\level:
    mov $\level, %eax
    jmp 2b
    .endr
    .macro SAME_ENTRIES count   // rdx: addresses of as many entries, behind them the entries; rdi goes behind these
    lea 8 * \count(%rdx), %rdi
    .set entry, 0
    .rept \count
    mov 8 * entry(%rdx), %rsi
    cmpsq
    jne .Lchanged
    .set entry, entry + 1
    .endr
    .endm
ENTRY window_retrace        // rdi: struct guest_trail
    mov %rdi, %rdx
    SAME_ENTRIES 4
    mov $1, %eax
    ret
ENTRY window_retrace_read64 // rdi: value, rsi: address, rdx: struct guest_trail
    mov %rdi, %r8
    mov %rsi, %rcx
    SAME_ENTRIES 4
    mov (%rcx), %rax
    mov %rax, (%r8)
    mov $1, %eax
    ret
ENTRY window_rerun          // rdi: struct guest_run
    mov %rdi, %rdx
    SAME_ENTRIES 3
    mov 56(%rdx), %rcx      // not 0
    mov 64(%rdx), %rsi
    mov 48(%rdx), %rdi
    repe cmpsq
    sete %al
    ret
.Lchanged:
    xor %eax, %eax
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
window_address:
    .quad 0x000001fffffff000    // of an entry's bits 51:12, those below WINDOW_BYTES
window_base:
    .quad 0x0000010000000000    // WINDOW_BASE of caps/layout.h

    .section .note.GNU-stack, "", @progbits
