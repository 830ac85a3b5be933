// SPDX-License-Identifier: BSD-2-Clause
// Where Linux starts a 32-bit program with a C library: what Debian has in crt1.o of libc6-dev-i386, which the tests do without.

    .text
    .globl _start
_start:
    xor %ebp, %ebp
    pop %esi                // argc
    mov %esp, %ecx          // argv
    and $-16, %esp
    push %eax
    push %esp
    push %edx               // the loader's end
    push $0
    push $0
    push %ecx
    push %esi
    push $main
    call __libc_start_main
    hlt

    .section .note.GNU-stack, "", @progbits
