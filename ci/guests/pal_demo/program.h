// SPDX-License-Identifier: BSD-2-Clause
// A program without a C library: its arguments, its output.
#pragma once

#include <stdint.h>

// What each program defines; the result is the exit status.
int program(int argc, char **argv);

void print_text(const char *text);
void print_number(uintptr_t value);  // hexadecimal, with 0x

// Add to a line that is to be printed in one piece, since others print, too; give what comes behind. A number has 16 digits.
char *add_text(char *to, const char *text);
char *add_number(char *to, uint64_t value);

uintptr_t parse_number(const char *text, unsigned base);  // up to what is no digit; 0x is skipped
