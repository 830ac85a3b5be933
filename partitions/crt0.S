// SPDX-License-Identifier: BSD-2-Clause
// Where every message enters: rdi = CPU, rsi = request, r8 = reply, on a fresh stack aligned to 16 bytes.

    .text
    .globl rt_entry
    .type rt_entry, @function
rt_entry:
    xor %ebp, %ebp          // the end of every backtrace
    mov %r8, %rdx
    call rt_message         // does not return
    ud2
    .size rt_entry, . - rt_entry

    .section .note.GNU-stack, "", @progbits
