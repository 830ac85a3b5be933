// SPDX-License-Identifier: BSD-2-Clause
// Ways into the kernel: from VM exits, from exceptions; and the way into the guest.

#define CPU_STACK_TOP 0x20000   // cpu.h
#define CPU_ATTENTION 240        // its first byte: an NMI has arrived

#include "function.h"

    .text
    // By enum gpr; RSP's slot is CR2's.
    .macro EACH_GPR op
    .set slot, 0
    .irp reg, rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15
    .ifnc \reg, rsp
    \op \reg
    .endif
    .set slot, slot + 1
    .endr
    .endm
    .macro STORE_CPU reg
    mov %\reg, slot * 8 - CPU_STACK_TOP(%rsp)
    .endm
    .macro LOAD_CPU reg         // RDI, which holds the address, comes last
    .ifnc \reg, rdi
    mov slot * 8(%rdi), %\reg
    .endif
    .endm
    .macro STORE_FRAME reg
    mov %\reg, slot * 8(%rsp)
    .endm
    .macro LOAD_FRAME reg
    mov slot * 8(%rsp), %\reg
    .endm

    // HOST_RIP. HOST_RSP is the top of this CPU's stack: struct cpu begins CPU_STACK_TOP below.
    .macro CPU_OF_STACK         // RDI, with an empty stack
    lea -1(%rsp), %rdi
    and $-CPU_STACK_TOP, %rdi
    lea CPU_STACK_TOP(%rdi), %rsp
    xor %ebp, %ebp
    .endm

    FUNCTION vm_exit
    EACH_GPR STORE_CPU
    lea -CPU_STACK_TOP(%rsp), %rdi
    xor %ebp, %ebp
    call exit_enter             // does not return
    ud2
    .size vm_exit, . - vm_exit

    // VMLAUNCH or VMRESUME of the current VMCS with cpu->gpr, cpu in RDI. An NMI in the window that is the guest's makes trap.c restart at
    // guest_reenter. width: q: of all that needs attention there is nothing; b: no NMI has arrived that was not attended to.
    .macro ENTER_GUEST width, instruction
    cmp\width $0, CPU_ATTENTION(%rdi)
    jne guest_reenter
    EACH_GPR LOAD_CPU
    mov 7 * 8(%rdi), %rdi
    \instruction
    .endm

    .globl guest_enter_window, guest_enter_window_end, guest_reenter
guest_enter_window:
    FUNCTION guest_launch
    ENTER_GUEST b, vmlaunch
    jmp 1f
    FUNCTION guest_resume
    ENTER_GUEST b, vmresume
    jmp 1f
    FUNCTION guest_resume_quiet
    ENTER_GUEST q, vmresume
guest_enter_window_end:
1:  CPU_OF_STACK                // VMfail
    call enter_failed           // does not return
    ud2
guest_reenter:
    CPU_OF_STACK
    call enter_guest            // does not return
    ud2
    .size guest_resume_quiet, . - guest_resume_quiet

    // void nmi_unblock(void): an NMI exit blocks NMIs in root until an IRET (SDM 3C 28.5.5 "Updating Non-Register State").
    FUNCTION nmi_unblock
    mov %rsp, %rax
    push $0x10
    push %rax
    push $2
    push $8
    lea 1f(%rip), %rax
    push %rax
    iretq
1:  ret
    .size nmi_unblock, . - nmi_unblock

    // One stub a vector, 16 bytes each. #DF, #TS, #NP, #SS, #GP, #PF, #AC, #CP push an error code, the others don't.
    .balign 16
    .globl trap_stub
trap_stub:
    .set vector, 0
    .rept 32
    .balign 16
    .if ((1 << vector) & 0x00227d00) == 0
    push $0
    .endif
    push $vector
    jmp trap_common
    .set vector, vector + 1
    .endr

    FUNCTION trap_common        // makes a struct trap_frame
    sub $128, %rsp
    EACH_GPR STORE_FRAME
    cld
    mov %rsp, %rdi
    xor %ebp, %ebp
    sub $8, %rsp                // 23 quadwords: align
    call trap_entry
    lea 8(%rsp), %rdi
    FUNCTION trap_resume
    mov %rdi, %rsp
    EACH_GPR LOAD_FRAME
    add $144, %rsp
    iretq
    .size trap_common, . - trap_common

    .section .note.GNU-stack, "", @progbits
