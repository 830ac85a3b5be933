// SPDX-License-Identifier: BSD-2-Clause
// The border between ring 0 and ring 3 of VMX root.

#define CPU_BLOCK_MASK -0x20000   // cpu.h: any stack pointer leads to struct cpu
#define CPU_TSS_RSP0   136
#define KERNEL_CS      0x08
#define KERNEL_SS      0x10
#define USER_CS        0x2b
#define USER_SS        0x33
#define RFLAGS_ONE     0x002
#define RFLAGS_STEP    0x102      // TF
#define STEP_BIT       32         // SYSCALL_STEP
#define FRAME_BYTES    24         // struct syscall_frame

#include "function.h"

    .macro SAVE
    .irp register, rbx, rbp, r12, r13, r14, r15
    push %\register
    .endr
    .endm

    .macro RESTORE_AND_RETURN
    .irp register, r15, r14, r13, r12, rbp, rbx
    pop %\register
    .endr
    ret
    .endm

    // With nothing that the kernel computed: RDI, RSI, R8 are the partition's arguments, RDX and RCX where it goes on.
    .macro LEAVE
    SAVE
    mov %rsp, (%r9)
    .irp register, eax, ebx, ebp, r9d, r10d, r11d, r12d, r13d, r14d, r15d
    xor %\register, %\register
    .endr
    .endm

    .text
    FUNCTION upcall
    LEAVE
    sysexitq
    .size upcall, . - upcall

    FUNCTION upcall_step
    LEAVE
step:                           // to RDX with stack RCX
    push $USER_SS
    push %rcx
    push $RFLAGS_STEP
    push $USER_CS
    push %rdx
    iretq
    .size upcall_step, . - upcall_step

    // SYSENTER: interrupts off, RSP = &tss.rsp0 (IA32_SYSENTER_ESP), nothing else to be trusted. The user's callee-saved registers stay where they are:
    // C keeps them.
    FUNCTION sysenter_entry
    mov (%rsp), %rsp
    push $RFLAGS_ONE            // DF, AC, NT, TF are as the partition left them
    popfq
    test %rax, %rax
    jnz 1f
    RESTORE_AND_RETURN          // SYS_REPLY: upcall() returns UPCALL_REPLIED = 0
1:
    push %rdx
    push %rcx
    push %rbp
    mov %r8, %rcx
    mov %rsi, %rdx
    mov %rdi, %rsi
    mov %rax, %rdi
    mov %rsp, %r8
    call syscall_enter
    test %rax, %rax
    js 2f
    add $8, %rsp
    pop %rcx                    // syscall_enter has checked both: SYSEXIT with an address that isn't canonical faults in ring 0
    pop %rdx
    mov %rsp, %r11              // a nested upcall has left its own stack pointer
    and $CPU_BLOCK_MASK, %r11
    mov %rsp, CPU_TSS_RSP0(%r11)
    .irp register, edi, esi, r8d, r9d, r10d, r11d
    xor %\register, %\register
    .endr
    btr $STEP_BIT, %rax
    jc step
    sysexitq
2:
    add $FRAME_BYTES, %rsp
    RESTORE_AND_RETURN
    .size sysenter_entry, . - sysenter_entry

    FUNCTION upcall_return      // rdi: end, rsi: rsp0
    mov %rdi, %rax
    push $KERNEL_SS
    push %rsi
    push $RFLAGS_ONE
    push $KERNEL_CS
    lea 1f(%rip), %rdx
    push %rdx
    iretq
1:
    RESTORE_AND_RETURN
    .size upcall_return, . - upcall_return

    FUNCTION upcall_resume      // rdi: frame, rsi: rsp0
    SAVE
    mov %rsp, (%rsi)
    jmp trap_resume
    .size upcall_resume, . - upcall_resume

    .section .note.GNU-stack, "", @progbits
