// SPDX-License-Identifier: BSD-2-Clause
// What the bench's PALs run: copied, so it may be anywhere.

    .text
    .globl pal_code_empty
pal_code_empty:
    ret
    .globl pal_code_spin
pal_code_spin:                  // rdi: how often
    dec %rdi
    jnz pal_code_spin
    ret
    .globl pal_code_end
pal_code_end:

    .section .note.GNU-stack, "", @progbits
