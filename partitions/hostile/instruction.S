// SPDX-License-Identifier: BSD-2-Clause
// The code of instruction.def, and system calls as no runtime makes them.

    .text
#define INSTRUCTION(name, vectors, ...) .balign 16; instruction_##name: __VA_ARGS__; ret;
#include "instruction.def"
#undef INSTRUCTION

    .section .rodata
    .balign 8
    .globl instruction_code
instruction_code:
#define INSTRUCTION(name, ...) .quad instruction_##name;
#include "instruction.def"
#undef INSTRUCTION

    // uint64_t sysenter_with(number, a, b, c, flags, rip, rsp): flags are set for SYSENTER; rip, rsp 0: come back here.
    .text
    .globl sysenter_with
    .type sysenter_with, @function
sysenter_with:
    push %rbx
    mov %rdi, %rax
    mov %rsi, %rdi
    mov %rdx, %rsi
    mov %r8, %rbx               // flags
    mov %rcx, %r8
    lea 1f(%rip), %rdx
    test %r9, %r9
    cmovnz %r9, %rdx
    mov %rsp, %rcx
    mov 16(%rsp), %r10          // rsp
    test %r10, %r10
    cmovnz %r10, %rcx
    mov $0x33, %r11d
    pushfq
    or %rbx, (%rsp)
    test $1, %bl                // flag 1, which means nothing: block debug exceptions by MOV SS, too
    jz 2f
    popfq
    mov %r11d, %ss
    sysenter
2:  popfq
    sysenter
1:  pop %rbx
    ret
    .size sysenter_with, . - sysenter_with

    // uint64_t selectors_visible(void): how many of all selectors of the GDT lead to a descriptor that ring 3 may use.
    .globl selectors_visible
    .type selectors_visible, @function
selectors_visible:
    xor %eax, %eax
    mov $0xfffb, %ecx
1:  lar %ecx, %edx
    jnz 2f
    inc %eax
2:  sub $8, %ecx
    jnc 1b
    ret
    .size selectors_visible, . - selectors_visible

    .section .note.GNU-stack, "", @progbits
