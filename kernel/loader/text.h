// SPDX-License-Identifier: BSD-2-Clause
// Text: the loader's lines are composed in bounded buffers; what doesn't fit is cut off.
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

// printf into at (capacity bytes, at least 1), always ended by NUL. Returns the length. Formats: caps/format.h.
size_t text_format(char *at, size_t capacity, const char *format, ...) __attribute__((format(printf, 3, 4)));
size_t text_format_list(char *at, size_t capacity, const char *format, va_list list) __attribute__((format(printf, 3, 0)));

// The same strings?
static inline bool text_equal(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return *a == *b;
}

static inline size_t text_length(const char *a)
{
    size_t length = 0;
    while (a[length])
        length++;
    return length;
}
