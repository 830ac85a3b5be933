// SPDX-License-Identifier: BSD-2-Clause
// PALs that no compiler makes: one that leaves its secret in every register, others that do what they can't. And a caller that looks at the registers.

#define SECRET 0x5ec4e75e

    .section pal_code, "ax", @progbits
    .globl abuse_leak, abuse_ud2, abuse_read, abuse_loop, abuse_syscall, abuse_hlt, abuse_count, abuse_apply, abuse_write, abuse_leak_avx, abuse_spin
    .type abuse_leak, @function
abuse_leak:                     // returns whether a vector register held anything when it began
#ifdef __x86_64__
    ptest %xmm7, %xmm7
    setnz %al
    movzbl %al, %eax
    mov $SECRET, %ecx
    .irp reg, rdx, rsi, rdi, r8, r9, r10, r11
    mov %rcx, %\reg
    .endr
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    movq %rcx, %xmm\n
    .endr
#else
    ptest %xmm7, %xmm7
    setnz %al
    movzbl %al, %eax
    mov $SECRET, %ecx
    mov %ecx, %edx
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7
    movd %ecx, %xmm\n
    .endr
#endif
    ret
abuse_ud2:
    ud2
abuse_hlt:
    hlt
abuse_read:                     // of the program's own memory
#ifdef __x86_64__
    mov (%rdi), %rax
#else
    mov 4(%esp), %eax
    mov (%eax), %eax
#endif
    ret
abuse_syscall:
#ifdef __x86_64__
    mov $39, %eax
    syscall
#else
    mov $20, %eax
    int $0x80
#endif
    ret
abuse_loop:
    jmp abuse_loop
abuse_count:                    // up to its argument, which it returns: long enough to be interrupted
#ifdef __x86_64__
    mov %rdi, %rcx
#else
    mov 4(%esp), %ecx
#endif
    xor %eax, %eax
1:  inc %eax
    cmp %ecx, %eax
    jne 1b
    ret
abuse_apply:                    // (function, argument): what the function makes of it
#ifdef __x86_64__
    mov %rdi, %rax
    mov %rsi, %rdi
    jmp *%rax
#else
    mov 4(%esp), %eax
    pushl 8(%esp)
    call *%eax
    add $4, %esp
    ret
#endif
abuse_write:                    // to its own code
#ifdef __x86_64__
    movl $0, abuse_write(%rip)
#else
    call 1f
1:  pop %eax
    movl $0, (%eax)
#endif
    ret
abuse_spin:                     // keeps its secret in every register, for ever
    mov $SECRET, %ecx
#ifdef __x86_64__
    .irp reg, rax, rbx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15
    mov %rcx, %\reg
    .endr
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    movq %rcx, %xmm\n
    .endr
#else
    .irp reg, eax, ebx, edx, esi, edi, ebp
    mov %ecx, %\reg
    .endr
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7
    movd %ecx, %xmm\n
    .endr
#endif
1:  jmp 1b
    .type abuse_leak_avx, @function
abuse_leak_avx:                 // as abuse_leak, of the registers' upper halves
    vptest %ymm7, %ymm7
    setnz %al
    movzbl %al, %eax
    mov $SECRET, %ecx
    vmovd %ecx, %xmm0
    vinsertf128 $1, %xmm0, %ymm0, %ymm0
#ifdef __x86_64__
    .irp n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
#else
    .irp n, 1, 2, 3, 4, 5, 6, 7
#endif
    vmovaps %ymm0, %ymm\n
    .endr
    mov $0, %ecx
    ret

    .text
// What PALs share with their program, as bytes: two functions of the same length.
    .globl abuse_shared, abuse_changed
abuse_shared:                   // three times its argument and 7
#ifdef __x86_64__
    lea 7(%rdi,%rdi,2), %rax
#else
    mov 4(%esp), %eax
    lea 7(%eax,%eax,2), %eax
#endif
    ret
    .balign 16, 0x90
abuse_changed:                  // five times
#ifdef __x86_64__
    lea (%rdi,%rdi,4), %rax
#else
    mov 4(%esp), %eax
    lea (%eax,%eax,4), %eax
#endif
    ret
    .balign 16, 0x90

    .globl avx_usable
    .type avx_usable, @function
avx_usable:                     // CPUID.1:ECX.OSXSAVE and AVX, and XCR0 has both states (SDM 1 14.3 "Detection of Intel AVX Instructions")
#ifdef __x86_64__
    push %rbx
#else
    push %ebx
#endif
    mov $1, %eax
    xor %ecx, %ecx
    cpuid
    xor %eax, %eax
    and $0x18000000, %ecx
    cmp $0x18000000, %ecx
    jne 1f
    xor %ecx, %ecx
    xgetbv
    and $6, %eax
    cmp $6, %eax
    sete %al
    movzbl %al, %eax
1:
#ifdef __x86_64__
    pop %rbx
#else
    pop %ebx
#endif
    ret
    .size avx_usable, . - avx_usable

    .globl call_and_look_avx
    .type call_and_look_avx, @function
call_and_look_avx:              // (function, found): as call_and_look, of the vector registers' upper halves: how many are not as they were
#ifdef __x86_64__
    push %rbx
    push %r12
    sub $24, %rsp
    mov %rsi, %rbx
    mov $0x11111111, %eax
    vmovd %eax, %xmm0
    vinsertf128 $1, %xmm0, %ymm0, %ymm0
    .irp n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    vmovaps %ymm0, %ymm\n
    .endr
    call *%rdi
    xor %r12d, %r12d
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    vextractf128 $1, %ymm\n, (%rsp)
    cmpl $0x11111111, (%rsp)
    je 1f
    inc %r12
1:
    .endr
    vzeroupper
    mov %r12, (%rbx)
    add $24, %rsp
    pop %r12
    pop %rbx
    ret
#else
    push %ebx
    push %esi
    sub $20, %esp
    mov 32(%esp), %eax
    mov 36(%esp), %ebx
    mov $0x11111111, %ecx
    vmovd %ecx, %xmm0
    vinsertf128 $1, %xmm0, %ymm0, %ymm0
    .irp n, 1, 2, 3, 4, 5, 6, 7
    vmovaps %ymm0, %ymm\n
    .endr
    call *%eax
    xor %esi, %esi
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7
    vextractf128 $1, %ymm\n, (%esp)
    cmpl $0x11111111, (%esp)
    je 1f
    inc %esi
1:
    .endr
    vzeroupper
    mov %esi, (%ebx)
    add $20, %esp
    pop %esi
    pop %ebx
    ret
#endif
    .size call_and_look_avx, . - call_and_look_avx

    .globl call_and_look
    .type call_and_look, @function
call_and_look:                  // (function, found): calls it with all vector registers 0x1111...; counts registers that hold SECRET in *found
#ifdef __x86_64__
    push %rbx
    push %r12
    push %r13
    mov %rsi, %rbx
    mov $0x1111111111111111, %rax
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    movq %rax, %xmm\n
    .endr
    call *%rdi
    xor %r12d, %r12d
    mov $SECRET, %r13d
    .irp reg, rcx, rdx, rsi, rdi, r8, r9, r10, r11
    cmp %\reg, %r13
    jne 1f
    inc %r12
1:
    .endr
    mov $0x1111111111111111, %r13
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    movq %xmm\n, %rcx
    cmp %rcx, %r13
    je 1f
    inc %r12
1:
    .endr
    mov %r12, (%rbx)
    pop %r13
    pop %r12
    pop %rbx
    ret
#else
    push %ebx
    push %esi
    mov 12(%esp), %eax
    mov 16(%esp), %ebx
    mov $0x11111111, %ecx
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7
    movd %ecx, %xmm\n
    .endr
    sub $4, %esp
    call *%eax
    add $4, %esp
    xor %esi, %esi
    .irp reg, ecx, edx
    cmp $SECRET, %\reg
    jne 1f
    inc %esi
1:
    .endr
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7
    movd %xmm\n, %ecx
    cmp $0x11111111, %ecx
    je 1f
    inc %esi
1:
    .endr
    mov %esi, (%ebx)
    pop %esi
    pop %ebx
    ret
#endif
    .size call_and_look, . - call_and_look

    .globl thread_run
    .type thread_run, @function
thread_run:                     // (function, argument, stack): a process with the same memory, which ends with what the function returns; its number
#ifdef __x86_64__
    lea -16(%rdx), %rax
    mov %rdi, (%rax)
    mov %rsi, 8(%rax)
    mov %rax, %rsi
    mov $0x111, %edi            // CLONE_VM, SIGCHLD
    xor %edx, %edx
    xor %r10d, %r10d
    xor %r8d, %r8d
    mov $56, %eax
    syscall
    test %eax, %eax
    jnz 1f
    pop %rax
    pop %rdi
    call *%rax
    mov %eax, %edi
    mov $231, %eax
    syscall
1:  ret
#else
    push %ebx
    push %esi
    push %edi
    mov 24(%esp), %ecx
    sub $16, %ecx
    mov 16(%esp), %eax
    mov %eax, (%ecx)
    mov 20(%esp), %eax
    mov %eax, 4(%ecx)
    mov $0x111, %ebx
    xor %edx, %edx
    xor %esi, %esi
    xor %edi, %edi
    mov $120, %eax
    int $0x80
    test %eax, %eax
    jnz 1f
    pop %eax
    call *%eax
    mov %eax, %ebx
    mov $252, %eax
    int $0x80
1:  pop %edi
    pop %esi
    pop %ebx
    ret
#endif
    .size thread_run, . - thread_run

    .section .note.GNU-stack, "", @progbits
