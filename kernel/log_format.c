// SPDX-License-Identifier: BSD-2-Clause
// Formatting of log lines: a small part of printf.
#include <stdbool.h>
#include <stddef.h>

#include "log.h"

struct sink { char *text; unsigned bytes, used; };

static void put(struct sink *sink, char c)
{
    if (sink->used + 1 < sink->bytes)
        sink->text[sink->used++] = c;
}

static void put_number(struct sink *sink, uint64_t value, unsigned base, unsigned width, char fill)
{
    char digits[20];
    unsigned n = 0;
    do {
        digits[n++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value);
    for (; width > n; width--)
        put(sink, fill);
    while (n)
        put(sink, digits[--n]);
}

static void put_text(struct sink *sink, const char *text, unsigned precision)
{
    if (!text)
        text = "(none)";
    for (unsigned n = 0; n < precision && text[n]; n++)
        put(sink, text[n]);
}

unsigned log_vformat(char *text, unsigned bytes, const char *format, va_list args)
{
    struct sink sink = { text, bytes, 0 };
    for (; *format; format++) {
        if (*format != '%') {
            put(&sink, *format);
            continue;
        }
        unsigned width = 0, precision = ~0u;
        char fill = ' ';
        bool is_long = false;
        format++;
        if (*format == '0')
            fill = '0';
        for (; *format >= '0' && *format <= '9'; format++)
            width = width * 10 + (unsigned)(*format - '0');
        if (format[0] == '.' && format[1] == '*') {
            precision = (unsigned)va_arg(args, int);
            format += 2;
        } else if (*format == '.') {
            precision = 0;
            for (format++; *format >= '0' && *format <= '9'; format++)
                precision = precision * 10 + (unsigned)(*format - '0');
        }
        for (; *format == 'l'; format++)
            is_long = true;
        if (*format == '\0')
            break;
        switch (*format) {
        case 's':
            put_text(&sink, va_arg(args, const char *), precision);
            break;
        case 'd': {
            long value = is_long ? va_arg(args, long) : va_arg(args, int);
            if (value < 0)
                put(&sink, '-');
            put_number(&sink, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, 10, width, fill);
            break;
        }
        case 'u':
        case 'x':
            put_number(&sink, is_long ? va_arg(args, unsigned long) : va_arg(args, unsigned), *format == 'u' ? 10 : 16, width, fill);
            break;
        default:
            put(&sink, *format);
        }
    }
    if (bytes)
        text[sink.used] = '\0';
    return sink.used;
}

unsigned log_format(char *text, unsigned bytes, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    unsigned n = log_vformat(text, bytes, format, args);
    va_end(args);
    return n;
}
