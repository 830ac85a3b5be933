// SPDX-License-Identifier: BSD-2-Clause
// Text from numbers: the part of printf that the kernel, the loader and the partitions need, for lines of text.
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct format_output { char *text; size_t bytes, used; };

static inline void format_char(struct format_output *out, char c)
{
    if (out->used < out->bytes)
        out->text[out->used++] = c;
}

static inline void format_number(struct format_output *out, uint64_t value, bool negative, unsigned base, unsigned width, char pad)
{
    char digit[20];
    unsigned digits = 0;
    do {
        digit[digits++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0);
    if (negative && pad == '0')
        format_char(out, '-');
    for (unsigned i = digits + negative; i < width; i++)
        format_char(out, pad);
    if (negative && pad != '0')
        format_char(out, '-');
    while (digits > 0)
        format_char(out, digit[--digits]);
}

// left: blanks up to width behind it; else width isn't looked at. At most most characters of the text are taken.
static inline void format_string(struct format_output *out, const char *text, bool left, unsigned width, unsigned most)
{
    unsigned length = 0;
    for (const char *s = text ? text : "(none)"; length < most && s[length] != '\0'; length++)
        format_char(out, s[length]);
    for (; left && length < width; length++)
        format_char(out, ' ');
}

static inline unsigned format_digits(const char **format)
{
    unsigned value = 0;
    for (; **format >= '0' && **format <= '9'; ++*format)
        value = value * 10 + (unsigned)(**format - '0');
    return value;
}

// Writes format into text, at most bytes of it, without a NUL; returns how many. Knows %s %c %d %u %x %ld %lu %lx %lld %llu %llx %p %%, with a
// field width, leading zeroes (%08x) and a text's precision (%.8s, %.*s).
__attribute__((format(printf, 3, 0)))
static inline size_t format_list(char *text, size_t bytes, const char *format, va_list list)
{
    struct format_output out = { text, bytes, 0 };
    for (; *format != '\0'; format++) {
        if (*format != '%') {
            format_char(&out, *format);
            continue;
        }
        char pad = ' ';
        unsigned most = ~0u, longs = 0;
        bool left = false;
        format++;
        for (; *format == '-' || *format == '0'; format++) {
            if (*format == '0')
                pad = '0';
            else
                left = true;
        }
        unsigned width = format_digits(&format);
        if (format[0] == '.' && format[1] == '*') {
            most = (unsigned)va_arg(list, int);
            format += 2;
        } else if (*format == '.') {
            format++;
            most = format_digits(&format);
        }
        for (; *format == 'l'; format++)
            longs++;
        switch (*format) {
        case '%': format_char(&out, '%'); break;
        case 'c': format_char(&out, (char)va_arg(list, int)); break;
        case 's': format_string(&out, va_arg(list, const char *), left, width, most); break;
        case 'p': format_number(&out, (uint64_t)(uintptr_t)va_arg(list, void *), false, 16, width, pad); break;
        case 'u':
        case 'x': {
            const uint64_t value = longs ? va_arg(list, uint64_t) : va_arg(list, unsigned);
            format_number(&out, value, false, *format == 'x' ? 16 : 10, width, pad);
            break;
        }
        case 'd': {
            const int64_t value = longs ? va_arg(list, int64_t) : va_arg(list, int);
            format_number(&out, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, value < 0, 10, width, pad);
            break;
        }
        case '\0': return out.used;
        default: format_char(&out, '?'); return out.used;  // the rest's arguments would be taken for others
        }
    }
    return out.used;
}

// The same with a NUL behind it, in at most bytes (at least 1) with it.
__attribute__((format(printf, 3, 0)))
static inline size_t format_line(char *text, size_t bytes, const char *format, va_list list)
{
    size_t length = format_list(text, bytes - 1, format, list);
    text[length] = '\0';
    return length;
}
