// SPDX-License-Identifier: BSD-2-Clause
// 32-bit code: the main task, task A, and the tasks that end a scenario. EBX is the arena.
#include "arena.h"
#include "registers.h"

    .text
    .code64
    .globl tasks_run
tasks_run:
    PUSH_KEPT
    mov %rdi, %rbx
    mov %rsp, ARENA_HOST_RSP(%rbx)
    sgdt ARENA_HOST_GDTR(%rbx)
    sidt ARENA_HOST_IDTR(%rbx)
    mov %cr0, %rax
    mov %rax, ARENA_HOST_CR0(%rbx)
    mov %cr3, %rax
    mov %rax, ARENA_HOST_CR3(%rbx)
    mov %cr4, %rax
    mov %rax, ARENA_HOST_CR4(%rbx)
    lea back64(%rip), %rax
    mov %eax, ARENA_BACK(%rbx)
    lea main32(%rip), %rax
    mov %eax, ARENA_TO_32(%rbx)
    lea 7f(%rip), %rax
    mov %eax, ARENA_GO_ON(%rbx)
    lgdt ARENA_GDTR(%rbx)
    ljmpl *ARENA_TO_32(%rbx)

    .code32
main32:
    mov $DATA32, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    xor %eax, %eax
    mov %eax, %fs
    mov %eax, %gs
    lea ARENA_MAIN_STACK(%ebx), %esp
    PAGING_OFF
    LME_OFF
    mov ARENA_CR4(%ebx), %eax
    mov %cr4, %ecx
    and $0x2000, %ecx       // VMXE is L0's to keep
    or %ecx, %eax
    mov %eax, %cr4
    mov $MAIN_CR0, %eax
    mov ARENA_CR3(%ebx), %ecx
    mov %ecx, %cr3
    test %ecx, %ecx
    jz 1f
    or $CR0_PG, %eax
1:  mov %eax, %cr0
    lidt ARENA_IDTR(%ebx)
    mov $TSS_MAIN, %eax
    ltr %ax
    xor %eax, %eax
    lldt %ax
    mov %eax, %dr0
    mov $0x403, %eax        // L0 and G0: nobody executes at 0
    mov %eax, %dr7
    clts

    mov ARENA_KIND(%ebx), %eax
    cmp $KIND_CALL, %eax
    je 2f
    cmp $KIND_INT, %eax
    je 3f
    cmp $KIND_INT3, %eax
    je 4f
    cmp $KIND_UD2, %eax
    je 5f
    cmp $KIND_GP, %eax
    je 6f
    ljmp *ARENA_TARGET(%ebx)
    jmp 7f
2:  lcall *ARENA_TARGET(%ebx)
    jmp 7f
3:  int $0x41
    jmp 7f
4:  int3
    jmp 7f
5:  ud2
    jmp 7f
6:  mov $0xfff8, %eax
    mov %eax, %es

7:  incl ARENA_RETURNED(%ebx)
    pushf
    popl ARENA_MAIN_FLAGS(%ebx)
    str %eax
    mov %eax, ARENA_MAIN_TR(%ebx)
    mov %cr0, %eax
    mov %eax, ARENA_MAIN_CR0(%ebx)
    cli
    pushl $2
    popf                    // NT would make an IRET of 64-bit code fail
    mov $0x400, %eax
    mov %eax, %dr7
    PAGING_OFF
    mov ARENA_HOST_CR4(%ebx), %eax
    mov %eax, %cr4
    mov ARENA_HOST_CR3(%ebx), %eax
    mov %eax, %cr3
    LME_ON
    mov ARENA_HOST_CR0(%ebx), %eax
    mov %eax, %cr0
    ljmp *ARENA_BACK(%ebx)

// Ends a scenario: EAX is the vector. Back to the main task by JMP, whether it is nested or not.
    .globl task_h
task_h:
    mov %eax, ARENA_VECTOR(%ebx)
    mov %esp, ARENA_ESP(%ebx)
    mov (%esp), %eax
    mov %eax, ARENA_ERROR(%ebx)
    str %eax
    mov %eax, ARENA_TR(%ebx)
    mov %cr0, %eax
    mov %eax, ARENA_CR0(%ebx)
    mov %dr7, %eax
    mov %eax, ARENA_DR7(%ebx)
    mov %cr2, %eax
    mov %eax, ARENA_CR2(%ebx)
    mov %cr3, %eax
    mov %eax, ARENA_NOW_CR3(%ebx)
    pushf
    popl ARENA_FLAGS(%ebx)
    mov ARENA_MAIN + 0x20(%ebx), %eax
    mov %eax, ARENA_MAIN_IP(%ebx)
    mov ARENA_GO_ON(%ebx), %eax
    mov %eax, ARENA_MAIN + 0x20(%ebx)
    andb $~2, ARENA_GDT + TSS_MAIN + 5(%ebx)
    ljmp *ARENA_TO_MAIN(%ebx)
    ud2

// Task A: ends the scenario; its state lies in its TSS then. It may run at offset 0 of a segment of its own, and in virtual-8086 mode.
    .globl task_a
    .globl task_a_end
task_a:
    int $0x40
task_a_end:

// Returns to the task that it is nested in.
    .globl task_a_iret
task_a_iret:
    iret
    jmp task_a_iret

// Uses what FS and GS lead to.
    .globl task_a_words
task_a_words:
    mov %fs:0, %ecx
    mov %gs:4, %edx
    int $0x40

    .code64
back64:
    mov ARENA_HOST_RSP(%rbx), %rsp
    lgdt ARENA_HOST_GDTR(%rbx)
    lidt ARENA_HOST_IDTR(%rbx)
    POP_KEPT
    ret

    .section .note.GNU-stack, "", @progbits
