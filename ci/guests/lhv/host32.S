// SPDX-License-Identifier: BSD-2-Clause
// A 32-bit L1: leaves IA-32e mode, does one step after the other, comes back. GS is the base of struct host32.

#include "host32_place.h"
#include "registers.h"

    .text
    .globl host32_run
host32_run:                     // rdi: struct host32
    PUSH_KEPT
    mov %rdi, %rbx
    mov %rsp, HOST32_RSP(%rbx)
    lea 9f(%rip), %rax
    mov %eax, HOST32_BACK(%rbx)
    lea 1f(%rip), %rax
    mov %eax, HOST32_TO_32(%rbx)
    mov %cr0, %rax
    mov %eax, HOST32_LONG_CR0(%rbx)
    mov %cr3, %rax
    mov %eax, HOST32_LONG_CR3(%rbx)
    mov %cr4, %rax
    mov %eax, HOST32_LONG_CR4(%rbx)
    lgdt HOST32_GDTR(%rbx)
    ljmpl *HOST32_TO_32(%rbx)

    .code32
    .macro SEGMENTS
    mov $HOST32_DATA_SELECTOR, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %fs
    mov $HOST32_GS_SELECTOR, %eax
    mov %eax, %gs
    .endm
    // The step at EBX has the registers that the code left; the flags are on the stack. EBX's own value is in KEPT.
    .macro STORE_STEP
    mov %eax, STEP_GPR + 0(%ebx)
    mov %ecx, STEP_GPR + 4(%ebx)
    mov %edx, STEP_GPR + 8(%ebx)
    mov %ebp, STEP_GPR + 20(%ebx)
    mov %esi, STEP_GPR + 24(%ebx)
    mov %edi, STEP_GPR + 28(%ebx)
    popl STEP_FLAGS(%ebx)
    mov %gs:HOST32_KEPT, %eax
    mov %eax, STEP_GPR + 12(%ebx)
    .endm

1:  SEGMENTS
    mov %ds, %eax
    mov %eax, %ss
    mov HOST32_STACK(%ebx), %esp
    PAGING_OFF
    LME_OFF
    mov HOST32_CR4(%ebx), %eax
    mov %eax, %cr4
    mov HOST32_CR3(%ebx), %eax
    mov %eax, %cr3
    mov HOST32_CR0(%ebx), %eax
    mov %eax, %cr0
    lidt HOST32_IDTR(%ebx)
    mov $HOST32_TASK_SELECTOR, %eax
    ltr %ax

2:  SEGMENTS
    mov %ds, %eax
    mov %eax, %ss
    mov %gs:HOST32_STACK, %esp
    mov %gs:HOST32_STEP, %ebx
    cmp %gs:HOST32_END, %ebx
    je 8f
    mov STEP_CODE(%ebx), %eax
    mov %eax, %gs:HOST32_TARGET
    mov STEP_SELECTOR(%ebx), %eax
    mov %eax, %gs:HOST32_TARGET + 4
    pushl $2
    popf
    mov STEP_GPR + 0(%ebx), %eax
    mov STEP_GPR + 4(%ebx), %ecx
    mov STEP_GPR + 8(%ebx), %edx
    mov STEP_GPR + 20(%ebx), %ebp
    mov STEP_GPR + 24(%ebx), %esi
    mov STEP_GPR + 28(%ebx), %edi
    mov STEP_GPR + 12(%ebx), %ebx
    lcall *%gs:HOST32_TARGET
    pushf
    push %eax
    mov $HOST32_GS_SELECTOR, %eax
    mov %eax, %gs
    mov $HOST32_DATA_SELECTOR, %eax
    mov %eax, %ds
    pop %eax
    mov %ebx, %gs:HOST32_KEPT
    mov %gs:HOST32_STEP, %ebx
    movl $ENDED_RETURNED, STEP_ENDED(%ebx)
3:  STORE_STEP
4:  addl $STEP_BYTES, %gs:HOST32_STEP
    jmp 2b

    // Just as the exit left them: no segment is loaded.
    .globl host32_exit
host32_exit:
    pushf
    mov %ebx, %gs:HOST32_KEPT
    mov %gs:HOST32_STEP, %ebx
    movl $ENDED_EXIT, STEP_ENDED(%ebx)
    jmp 3b

    // Code of a step: to virtual-8086 mode, at EAX:ECX.
    .globl host32_v86
host32_v86:
    push %eax                   // GS
    push %eax                   // FS
    push %eax                   // DS
    push %eax                   // ES
    push %eax                   // SS
    push $0x1ff0
    push $0x20002               // VM
    push %eax
    push %ecx
    iret

    // To privilege level 3, at ECX.
    .globl host32_user
host32_user:
    mov $HOST32_USER_DATA, %eax
    mov %eax, %ds
    push %eax
    push %esp
    push $2
    push $HOST32_USER_CODE
    push %ecx
    iret

    STUBS host32_stubs, 32, 5f
5:  SEGMENTS
    mov %gs:HOST32_STEP, %ebx
    movl $ENDED_EXCEPTION, STEP_ENDED(%ebx)
    popl STEP_VECTOR(%ebx)
    popl STEP_ERROR(%ebx)
    popl STEP_EIP(%ebx)
    mov %cr2, %eax
    mov %eax, STEP_CR2(%ebx)
    jmp 4b

8:  mov %gs:HOST32_LONG_CR3, %ecx
    mov %gs:HOST32_LONG_CR4, %edx
    mov %gs:HOST32_LONG_CR0, %ebp
    PAGING_OFF
    mov %edx, %cr4
    mov %ecx, %cr3
    LME_ON
    mov %ebp, %cr0
    mov %gs:HOST32_RSP, %ebx
    ljmp *%gs:HOST32_BACK
    .code64
9:  mov %ebx, %esp              // below 4 GiB, as all stacks
    POP_KEPT
    ret

    .section .note.GNU-stack, "", @progbits
