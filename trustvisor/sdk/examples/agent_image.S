// SPDX-License-Identifier: BSD-2-Clause
// The PAL's image, and what its link says of it.

    .section .rodata
    .balign 16
    .globl agent_image
agent_image:
    .incbin IMAGE

    .section .note.GNU-stack, "", @progbits
