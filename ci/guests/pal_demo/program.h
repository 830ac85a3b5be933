// SPDX-License-Identifier: BSD-2-Clause
// A program without a C library: its arguments, its output.
#pragma once

#include <stdint.h>

// What each program defines; the result is the exit status.
int program(int argc, char **argv);

void print_text(const char *text);
void print_number(uintptr_t value);  // hexadecimal, with 0x
uintptr_t parse_number(const char *text, unsigned base);  // up to what is no digit; 0x is skipped
