// SPDX-License-Identifier: BSD-2-Clause
// Where a CPU begins that INIT and SIPI have started anew: from real mode straight to 64-bit code. Copied below 1 MiB, and filled in (restart.c).

#define AT(label) (label - restart_page)

    .text
    .code16
    .globl restart_page
    .hidden restart_page
restart_page:
    cli
    mov %cs, %ax
    mov %ax, %ds
    lgdtl AT(gdt_register)
    mov AT(cr3), %eax
    mov %eax, %cr3
    mov $0x20, %eax             // PAE
    mov %eax, %cr4
    mov $0xc0000080, %ecx       // EFER: long mode
    mov $0x100, %eax
    xor %edx, %edx
    wrmsr
    mov $0x80000031, %eax       // paging, NE, protected mode
    mov %eax, %cr0
    ljmpl *AT(far)
    .code64
long_mode:
    mov cpu(%rip), %rdi
    mov stack(%rip), %rsp
    call *to(%rip)
    jmp *back(%rip)

    .balign 8
gdt: .quad 0, 0x00af9b000000ffff
far: .long AT(long_mode)
    .word 8
    .balign 8
gdt_register: .word 15
    .long AT(gdt)
    .globl restart_values
    .hidden restart_values
    .balign 8
restart_values:                 // struct values
cr3: .quad 0
cpu: .quad 0
stack: .quad 0
to: .quad 0
back: .quad 0
    .globl restart_page_end, restart_far, restart_gdt
    .hidden restart_page_end, restart_far, restart_gdt
restart_page_end:
    .set restart_far, far
    .set restart_gdt, gdt_register + 2

    .section .note.GNU-stack, "", @progbits
