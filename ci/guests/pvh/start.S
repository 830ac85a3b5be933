/* SPDX-License-Identifier: BSD-2-Clause */
/* How a PVH domain of Xen begins: 32-bit code without paging, EBX the address of the start information. From here to 64-bit code. */

#include "guest_paging.h"
#include "guest_segments.h"

#define STACK_BYTES 0x4000

    .section .note.Xen, "a", @note
    .balign 4
    .long 4, 4, 18 /* XEN_ELFNOTE_PHYS32_ENTRY */
    .asciz "Xen"
    .long start

    .text
    .code32
    .globl start
start:
    cli
    lgdt gdt_pointer
    enter_ia32e
    ljmpl $CODE64, $long_start

    .code64
long_start:
    flat_data
    leaq stack + STACK_BYTES(%rip), %rsp
    movl %ebx, %edi
    call pvh_main
1:  cli
    hlt
    jmp 1b

    .data
    flat_gdt

    identity_map

    .bss
    .balign 16
stack:
    .skip STACK_BYTES
    .section .note.GNU-stack, "", @progbits
