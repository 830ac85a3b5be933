// SPDX-License-Identifier: BSD-2-Clause
// Goes from the firmware's world into the kernel; comes back as L1, or as before.
//
// uint64_t launch_switch(struct launch_state *state, uint64_t tables, kernel_entry_t *entry, struct boot_info *info, uint32_t cpu, uint64_t stack)
//                        rdi                         rsi              rdx                    rcx                     r8d           r9
//
// Both ends meet at the last instruction: the kernel's VM entry starts L1 there, with the caller's RSP, flags and registers and
// with RAX = STATUS_OK; a kernel that returns gets there with RAX = its error.

// struct launch_state; launch.c asserts that these are right.
#define STATE_RIP    0
#define STATE_RSP    8
#define STATE_RFLAGS 16
#define STATE_RBX    24
#define STATE_RBP    32
#define STATE_R12    40
#define STATE_R13    48
#define STATE_R14    56
#define STATE_R15    64
#define STATE_CR3    72

    .section .text.launch, "ax", @progbits
    .globl launch_switch, launch_switch_end
    .hidden launch_switch, launch_switch_end
    .type launch_switch, @function
    .balign 256                       // so that it lies on one page: the only one of the loader that the kernel's tables map
launch_switch:
    pushfq
    popq    %rax
    movq    %rax, STATE_RFLAGS(%rdi)
    leaq    launch_resumed(%rip), %r10
    movq    %r10, STATE_RIP(%rdi)
    movq    %rsp, STATE_RSP(%rdi)
    movq    %rbx, STATE_RBX(%rdi)
    movq    %rbp, STATE_RBP(%rdi)
    movq    %r12, STATE_R12(%rdi)
    movq    %r13, STATE_R13(%rdi)
    movq    %r14, STATE_R14(%rdi)
    movq    %r15, STATE_R15(%rdi)
    movq    %cr3, %r11
    movq    %r11, STATE_CR3(%rdi)
    cli

    // What the way back needs, where the kernel keeps it: below the stack pointer that L1 will have, and in callee-saved registers.
    pushq   %rbx
    pushq   %rbp
    pushq   %rax                      // flags
    movq    %r11, %rbx
    movq    %rsp, %rbp

    // From here on the stack, the GDT and the IDT of the firmware aren't mapped.
    movq    %rsi, %cr3
    movq    %r9, %rsp
    movq    %rcx, %rdi
    movl    %r8d, %esi
    call    *%rdx
    movq    %rbx, %cr3
    movq    %rbp, %rsp

    popfq
    popq    %rbp
    popq    %rbx
launch_resumed:
    ret
launch_switch_end:
    .size launch_switch, . - launch_switch

    .section .note.GNU-stack, "", @progbits
