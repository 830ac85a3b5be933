// SPDX-License-Identifier: BSD-2-Clause
// Goes from the firmware's world into the kernel; comes back as L1, or as before.
//
// uint32_t launch_switch(struct launch_state *state, uint64_t tables, kernel_entry_t *entry, struct boot_info *info, uint32_t cpu, uint64_t stack)
//                        rdi                         rsi              rdx                    rcx                     r8d           r9
//
// Both ends meet at the last instruction: the kernel's VM entry starts L1 there, with the caller's RSP, flags and registers and
// with RAX = 0; from a kernel that could not launch it launch_failed gets there with RAX = 1.

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
#define STATE_CR0    72
#define STATE_CR3    80
#define STATE_CR4    88
#define STATE_SELECTOR(segment) (152 + 24 * (segment) + 16)  // by enum: ES, CS, SS, DS, FS, GS
#define STATE_GDTR_BASE  344
#define STATE_IDTR_BASE  352
#define STATE_GDTR_LIMIT 360
#define STATE_IDTR_LIMIT 362
#define HIDDEN_BASE      0xffff800000000000

    .section .text.launch, "ax", @progbits
    .globl launch_switch, launch_failed, launch_switch_end
    .hidden launch_switch, launch_failed, launch_switch_end
    .type launch_switch, @function
    .balign 512                       // so that it lies on one page: the only one of the loader that the kernel is entered with
launch_switch:
    pushfq
    popq    STATE_RFLAGS(%rdi)
    leaq    launch_resumed(%rip), %rax
    movq    %rax, STATE_RIP(%rdi)
    movq    %rsp, STATE_RSP(%rdi)
    movq    %rbx, STATE_RBX(%rdi)
    movq    %rbp, STATE_RBP(%rdi)
    movq    %r12, STATE_R12(%rdi)
    movq    %r13, STATE_R13(%rdi)
    movq    %r14, STATE_R14(%rdi)
    movq    %r15, STATE_R15(%rdi)
    cli

    // From here on the stack, the GDT and the IDT of the firmware aren't mapped.
    movq    %rsi, %cr3
    movq    %r9, %rsp
    movq    %rcx, %rdi
    movl    %r8d, %esi
    xorl    %ebp, %ebp
    call    *%rdx                     // does not return

    .macro LOAD_TABLE instruction, base, limit
    movzwl  \limit(%rdi), %ecx
    movw    %cx, 6(%rsp)
    movq    \base(%rdi), %rcx
    movq    %rcx, 8(%rsp)
    \instruction 6(%rsp)
    .endm

    .macro LOAD_SEGMENT register, number
    movw    STATE_SELECTOR(\number)(%rdi), %cx
    movw    %cx, %\register
    .endm

    // loader_return_t: rdi: the state as the kernel sees it. On the page tables that launch_switch went by.
launch_failed:
    movq    STATE_CR4(%rdi), %rax     // first: the firmware's CR3 may be no valid one with PCIDs
    movq    %rax, %cr4
    movq    STATE_CR0(%rdi), %rdx
    movq    STATE_RSP(%rdi), %r8
    movq    STATE_CR3(%rdi), %rax
    movabsq $HIDDEN_BASE, %rcx
    subq    %rcx, %rdi                // where the firmware's tables have it
    movq    %rax, %cr3
    movq    %rdx, %cr0
    leaq    -16(%r8), %rsp
    LOAD_TABLE lgdt, STATE_GDTR_BASE, STATE_GDTR_LIMIT
    LOAD_TABLE lidt, STATE_IDTR_BASE, STATE_IDTR_LIMIT
    LOAD_SEGMENT es, 0
    LOAD_SEGMENT ss, 2
    LOAD_SEGMENT ds, 3
    LOAD_SEGMENT fs, 4
    LOAD_SEGMENT gs, 5
    movzwl  STATE_SELECTOR(1)(%rdi), %ecx
    pushq   %rcx
    leaq    1f(%rip), %rcx
    pushq   %rcx
    lretq
1:  movq    STATE_RBX(%rdi), %rbx
    movq    STATE_RBP(%rdi), %rbp
    movq    STATE_R12(%rdi), %r12
    movq    STATE_R13(%rdi), %r13
    movq    STATE_R14(%rdi), %r14
    movq    STATE_R15(%rdi), %r15
    movq    STATE_RSP(%rdi), %rsp
    movl    $1, %eax
    pushq   STATE_RFLAGS(%rdi)
    popfq
launch_resumed:
    ret
launch_switch_end:
    .size launch_switch, . - launch_switch

    .section .note.GNU-stack, "", @progbits
