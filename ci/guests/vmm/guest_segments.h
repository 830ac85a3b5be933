/* SPDX-License-Identifier: BSD-2-Clause */
/* Flat segments of a small guest, which its assembly code makes. */
#pragma once

#define CODE64 8
#define DATA   16
#define CODE32 24

#ifdef __ASSEMBLER__
/* Of all that is known by these selectors, and what LGDT takes. */
.macro flat_gdt
    .balign 16
gdt:
    .quad 0
    .quad 0x00af9b000000ffff /* 64-bit code */
    .quad 0x00cf93000000ffff /* data */
    .quad 0x00cf9b000000ffff /* 32-bit code */
gdt_pointer:
    .word . - gdt - 1
    .long gdt
.endm

/* From real mode to 32-bit code there. Changes EAX. */
.macro enter_protected to
    lgdtl gdt_pointer
    movl %cr0, %eax
    orl $1, %eax
    movl %eax, %cr0
    ljmpl $CODE32, $\to
.endm

/* Changes EAX. */
.macro flat_data
    movl $DATA, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
.endm
#endif
