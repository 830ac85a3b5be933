// SPDX-License-Identifier: BSD-2-Clause
// Goes from the firmware's world into the kernel; comes back as L1, or as before.
//
// uint32_t launch_switch(struct launch_state *state, uint64_t tables, kernel_entry_t *entry, struct boot_info *info, uint32_t cpu, uint64_t stack)
//                        rdi                         rsi              rdx                    rcx                     r8d           r9
//
// Both ends meet at launch_resumed: the kernel's VM entry starts L1 there, with this function's RSP and flags, and
// with RAX = 0; from a kernel that could not launch it launch_failed gets there with RAX = 1.

// struct launch_state; launch.c asserts that these are right.
#define STATE_RIP    0
#define STATE_RSP    8
#define STATE_RFLAGS 16
#define STATE_CR0    24
#define STATE_CR3    32
#define STATE_CR4    40
#define STATE_SELECTOR(segment) (104 + 24 * (segment) + 16)  // by enum: ES, CS, SS, DS, FS, GS
#define STATE_GDTR_BASE  296
#define STATE_IDTR_BASE  304
#define STATE_GDTR_LIMIT 312
#define STATE_IDTR_LIMIT 314
#define STATE_HOST_GDTR  316
#define STATE_HOST_CR0   328
// enum selector, INFO_BASE; asserted there, too.
#define KERNEL_CS 0x08
#define KERNEL_SS 0x10
#define TSS       0x38
#define INFO_BASE 0x20000000
#define MSR_FS_BASE 0xc0000100
#define CR4_NO_PGE_PCIDE 0xfffffffffffdff7f
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
    .irp register, rbx, rbp, r12, r13, r14, r15
    pushq   %\register
    .endr
    movq    %rsp, STATE_RSP(%rdi)
    cli

    movq    STATE_HOST_CR0(%rdi), %rax
    movq    %rax, %cr0
    lgdt    STATE_HOST_GDTR(%rdi)     // its base is mapped below
    movq    %rcx, %rdi
    movq    %rdx, %r10
    xorl    %eax, %eax
    .irp register, ds, es, fs, gs
    movl    %eax, %\register
    .endr
    movl    $MSR_FS_BASE, %ecx        // kernel/loader/fields.c says why
    movl    $INFO_BASE, %eax
    xorl    %edx, %edx
    wrmsr
    movq    %cr4, %rax
    andq    $CR4_NO_PGE_PCIDE, %rax   // no translation of the firmware's survives, global ones neither
    movq    %rax, %cr4

    // From here on the stack and the IDT of the firmware aren't mapped.
    movq    %rsi, %cr3
    movq    %r9, %rsp
    movl    $KERNEL_SS, %eax
    movl    %eax, %ss
    movl    $TSS, %eax
    ltr     %ax
    movl    %r8d, %esi
    xorl    %ebp, %ebp
    pushq   $0                        // nowhere to return to
    pushq   $KERNEL_CS
    pushq   %r10
    lretq

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
1:  movq    STATE_RSP(%rdi), %rsp
    movl    $1, %eax
    pushq   STATE_RFLAGS(%rdi)
    popfq
launch_resumed:
    .irp register, r15, r14, r13, r12, rbp, rbx
    popq    %\register
    .endr
    ret
launch_switch_end:
    .size launch_switch, . - launch_switch

    .section .note.GNU-stack, "", @progbits
