/* SPDX-License-Identifier: BSD-2-Clause */
/* How an HVM domain of Xen begins: as a PC does, by the first sector of its disk, in real mode; its other CPUs by SIPI. From here to 64-bit code. */

#include "guest_paging.h"
#include "guest_segments.h"

#define STACKS 0x60000 /* free by the PC's memory map, above the image and below the BIOS' data */
#define STACK_BYTES 0x4000
#define PIC_FIRST 0x21
#define PIC_SECOND 0xa1

    .section .boot_sector, "ax"
    .code16
    .globl boot_sector
boot_sector:
    cli
    xorw %ax, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    movw $0x7c00, %sp
    /* INT 13h, AH = 42h: the sectors that the packet names, from the disk that DL names. */
    movw $packet, %si
    movb $0x42, %ah
    int $0x13
    jc 1f
    /* From here on interrupts are the local APIC's alone. */
    movb $0xff, %al
    outb %al, $PIC_FIRST
    outb %al, $PIC_SECOND
    ljmp $0, $start
1:  cli
    hlt
    jmp 1b

    .balign 4
packet:
    .byte 16, 0
    .word image_sectors
    .word 0x7e00, 0
    .quad 1
    .org 510
    .word 0xaa55

    .section .start, "ax"
    .code16
start:
    cli
    ljmp $0, $1f
1:  xorw %ax, %ax
    movw %ax, %ds
    /* Each CPU's number, in the order in which they come. */
    movl $1, %ebx
    lock xaddl %ebx, arrived
    enter_protected protected_start

    .code32
protected_start:
    flat_data
    enter_ia32e
    ljmpl $CODE64, $long_start

    .code64
long_start:
    movl %ebx, %edi
    movq %rdi, %rax
    imulq $STACK_BYTES, %rax
    leaq STACKS + STACK_BYTES(%rax), %rsp
    call hvm_main
1:  cli
    hlt
    jmp 1b

    flat_gdt
    .balign 4
arrived:
    .long 0

    identity_map
    .section .note.GNU-stack, "", @progbits
