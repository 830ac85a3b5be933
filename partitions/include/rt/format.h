// SPDX-License-Identifier: BSD-2-Clause
// Text from numbers, for the log.
#pragma once

#include <stdarg.h>
#include <stdint.h>

// Writes format into text, at most bytes of it, without a NUL; returns how many. Knows %s %c %d %u %x %ld %lu %lx %p %%, with a
// field width and leading zeroes (%08x).
__attribute__((format(printf, 3, 0)))
uint32_t format_text(char *text, uint32_t bytes, const char *format, va_list arguments);
