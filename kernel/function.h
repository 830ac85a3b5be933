// SPDX-License-Identifier: BSD-2-Clause
// How a function in assembly begins.
#pragma once

#ifdef __ASSEMBLER__
    .macro FUNCTION name
    .globl \name
    .type \name, @function
\name:
    .endm
#endif
