/* SPDX-License-Identifier: BSD-2-Clause */
/* What a small guest needs for 64-bit mode (SDM 3A 9.8.5), for assembly code. */
#pragma once

/* Switches paging on, in 32-bit code without it; a far jump to a 64-bit segment has to follow. Changes EAX, ECX, EDX. */
.macro enter_ia32e
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
.endm

/* Identity mapping of the first and the fourth GiB (the local APIC is there) with 2 MiB pages. */
.macro identity_map
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
.endm
