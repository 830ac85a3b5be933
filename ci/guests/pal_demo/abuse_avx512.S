// SPDX-License-Identifier: BSD-2-Clause
// abuse.S for CPUs with AVX-512: a PAL that leaves its secret in every bit of the vector and mask registers, and a caller that looks at them.

#define SECRET 0x5ec4e75e
#define OWN    0x11111111

#ifdef __x86_64__
#define ALL    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
#else
#define ALL    0, 1, 2, 3, 4, 5, 6, 7
#endif
#define MASKS  0, 1, 2, 3, 4, 5, 6, 7

// Every register is %ecx, again and again.
.macro fill
    vpbroadcastd %ecx, %zmm0
    .irp n, ALL
    vmovdqa32 %zmm0, %zmm\n
    .endr
    .irp n, MASKS
    kmovw %ecx, %k\n
    .endr
.endm

    .section pal_code, "ax", @progbits
    .globl abuse_leak_avx512
    .type abuse_leak_avx512, @function
abuse_leak_avx512:              // returns whether any of them held anything when it began
    xor %eax, %eax
    .irp n, MASKS
    kortestw %k\n, %k\n
    setnz %cl
    or %cl, %al
    .endr
    .irp n, ALL
    vpord %zmm\n, %zmm0, %zmm0
    .endr
    vptestmd %zmm0, %zmm0, %k1
    kortestw %k1, %k1
    setnz %cl
    or %cl, %al
    mov $SECRET, %ecx
    fill
    mov $0, %ecx
    ret

    .text
    .globl avx512_usable
    .type avx512_usable, @function
avx512_usable:                  // where AVX is: CPUID.7:EBX.AVX512F, and XCR0 has all states (SDM 1 15.2 "Detection of AVX-512 Foundation Instructions")
#ifdef __x86_64__
    push %rbx
#else
    push %ebx
#endif
    mov $7, %eax
    xor %ecx, %ecx
    cpuid
    xor %eax, %eax
    test $0x10000, %ebx
    jz 1f
    xor %ecx, %ecx
    xgetbv
    and $0xe6, %eax
    cmp $0xe6, %eax
    sete %al
    movzbl %al, %eax
1:
#ifdef __x86_64__
    pop %rbx
#else
    pop %ebx
#endif
    ret
    .size avx512_usable, . - avx512_usable

    .globl call_and_look_avx512
    .type call_and_look_avx512, @function
call_and_look_avx512:           // (function, found): calls it with each register OWN; counts those that are not as they were in *found
#ifdef __x86_64__
    push %rbx
    push %r12
    push %r13
    sub $16, %rsp
    mov %rsi, %rbx
    mov $OWN, %ecx
    mov %ecx, (%rsp)
    fill
    call *%rdi
    mov %rax, %r13
    xor %r12d, %r12d
    .irp n, MASKS
    kmovw %k\n, %eax
    cmp $(OWN & 0xffff), %eax
    je 1f
    inc %r12
1:
    .endr
    .irp n, ALL
    vpcmpd $4, (%rsp){1to16}, %zmm\n, %k1   // 4: not equal
    kortestw %k1, %k1
    jz 1f
    inc %r12
1:
    .endr
    vzeroupper
    mov %r12, (%rbx)
    mov %r13, %rax
    add $16, %rsp
    pop %r13
    pop %r12
    pop %rbx
    ret
#else
    push %ebx
    push %esi
    push %edi
    sub $16, %esp
    mov 32(%esp), %edx
    mov 36(%esp), %ebx
    mov $OWN, %ecx
    mov %ecx, (%esp)
    fill
    call *%edx
    mov %eax, %edi
    xor %esi, %esi
    .irp n, MASKS
    kmovw %k\n, %eax
    cmp $(OWN & 0xffff), %eax
    je 1f
    inc %esi
1:
    .endr
    .irp n, ALL
    vpcmpd $4, (%esp){1to16}, %zmm\n, %k1
    kortestw %k1, %k1
    jz 1f
    inc %esi
1:
    .endr
    vzeroupper
    mov %esi, (%ebx)
    mov %edi, %eax
    add $16, %esp
    pop %edi
    pop %esi
    pop %ebx
    ret
#endif
    .size call_and_look_avx512, . - call_and_look_avx512

    .section .note.GNU-stack, "", @progbits
