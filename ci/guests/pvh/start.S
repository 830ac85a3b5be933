/* SPDX-License-Identifier: BSD-2-Clause */
/* How a PVH domain of Xen begins: 32-bit code without paging, EBX the address of the start information. From here to 64-bit code. */

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
    movl %cr4, %eax
    orl $0x620, %eax /* PAE, OSFXSR, OSXMMEXCPT */
    movl %eax, %cr4
    movl $pml4, %eax
    movl %eax, %cr3
    movl $0xc0000080, %ecx /* IA32_EFER */
    rdmsr
    orl $0x100, %eax /* LME */
    wrmsr
    movl %cr0, %eax
    orl $0x80000022, %eax /* PG, NE, MP */
    andl $~0x4, %eax      /* EM */
    movl %eax, %cr0
    ljmpl $8, $long_start

    .code64
long_start:
    movl $16, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    leaq stack + STACK_BYTES(%rip), %rsp
    movl %ebx, %edi
    call pvh_main
1:  cli
    hlt
    jmp 1b

    .data
    .balign 16
gdt:
    .quad 0
    .quad 0x00af9b000000ffff /* 8: 64-bit code */
    .quad 0x00cf93000000ffff /* 16: data */
gdt_pointer:
    .word . - gdt - 1
    .long gdt

    /* Identity mapping of the first and the fourth GiB (the local APIC is there) with 2 MiB pages. */
    .balign 4096
pml4:
    .quad pdpt + 3
    .fill 511, 8, 0
pdpt:
    .quad pd_first + 3
    .quad 0, 0
    .quad pd_fourth + 3
    .fill 508, 8, 0
pd_first:
    .set address, 0
    .rept 512
    .quad address + 0x83
    .set address, address + 0x200000
    .endr
pd_fourth:
    .set address, 0xc0000000
    .rept 512
    .quad address + 0x9b /* uncached */
    .set address, address + 0x200000
    .endr

    .bss
    .balign 16
stack:
    .skip STACK_BYTES
    .section .note.GNU-stack, "", @progbits
