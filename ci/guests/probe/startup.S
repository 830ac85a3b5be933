// SPDX-License-Identifier: BSD-2-Clause
// What a CPU runs from a SIPI on: a page below 1 MiB, in real mode. It counts its start, then counts on for ever, and switches its local APIC off
// and on when it is told to.

    .section .rodata
    .balign 16
    .code16
    .globl startup_page, startup_page_end, startup_nmi
startup_page:                   // also offset 0 of the code segment
    cli
    mov %cs, %ax
    mov %ax, %ds
    mov %ax, %ss
    mov $0x1000, %sp
    mov $1, %eax
    cpuid                       // bits 31:24 of EBX: the local APIC's ID
    shr $24, %ebx
    shl $4, %bx
    lock incl startup_counts - startup_page(%bx)
1:  incl startup_counts - startup_page + 4(%bx)
    mov startup_counts - startup_page + 12(%bx), %esi
    test %esi, %esi
    jz 1b
    mov $0x1b, %ecx             // IA32_APIC_BASE
    rdmsr
    and $~0x800, %eax
    cmp $1, %esi
    je 2f
    or $0x800, %eax
2:  wrmsr
    movl $0, startup_counts - startup_page + 12(%bx)
    jmp 1b

startup_nmi:
    lock incl startup_counts - startup_page + 8(%bx)
    iret

    .balign 16
startup_counts:                 // of CPU n: starts, turns, NMIs, order
    .fill 8 * 4, 4, 0
startup_page_end:

    .section .note.GNU-stack, "", @progbits
