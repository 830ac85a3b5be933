// SPDX-License-Identifier: BSD-2-Clause
// The serial line to gdb, as the loader has set it up: one byte at a time, without interrupts.
#pragma once

#include <stdbool.h>
#include <stdint.h>

// Takes a byte, if one has come.
bool line_take(uint8_t *byte);

// Waits for one; for room.
uint8_t line_get(void);
void line_put(char c);

// A packet with that text.
void line_answer(const char *text);
