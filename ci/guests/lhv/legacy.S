// SPDX-License-Identifier: BSD-2-Clause
// The handlers of a 32-bit L2's IDT, 4 bytes each: L1 sees the VMCALL.

    .text
    .code32
    .balign 4
    .globl legacy_stubs
legacy_stubs:
    .rept 256
    vmcall
    nop
    .endr
    .globl legacy_return
legacy_return:
    iret
    .code64

    .section .note.GNU-stack, "", @progbits
