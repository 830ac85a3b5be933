// SPDX-License-Identifier: BSD-2-Clause
// Fixups: instructions of the kernel that may fault because L1 chose their operands. trap.c goes on behind them with R8D = 1.
#pragma once

#include <stdint.h>

struct fixup { uint64_t fault, resume; };
extern const struct fixup fixup_first[], fixup_last[];

// In an asm statement: the instruction, with R8 zeroed before; R8 is 1 behind it where it faulted.
#define FIXUP(instruction)                                       \
    "1: " instruction "\n"                                       \
    "2:\n"                                                       \
    ".pushsection .fixup, \"a\"\n"                               \
    ".quad 1b, 2b\n"                                             \
    ".popsection\n"
