// SPDX-License-Identifier: BSD-2-Clause
// Where every message enters: rdi = CPU, rsi = request, r8 = reply, rbp = 0 (the end of every backtrace), on a fresh stack aligned to 16 bytes.

    .text
    .globl rt_entry
    .type rt_entry, @function
rt_entry:
    call rt_message         // C's first, second and fifth argument; does not return
    ud2
    .size rt_entry, . - rt_entry

    .globl rt_hang
    .type rt_hang, @function
rt_hang:                    // where a hang that is injected goes
    jmp rt_hang
    .size rt_hang, . - rt_hang

    .section .note.GNU-stack, "", @progbits
