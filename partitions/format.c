// SPDX-License-Identifier: BSD-2-Clause
// Text from numbers.

#include <stdbool.h>

#include <rt/format.h>

struct output { char *text; uint32_t bytes, used; };

static void put(struct output *out, char c)
{
    if (out->used < out->bytes)
        out->text[out->used++] = c;
}

static void put_number(struct output *out, uint64_t value, bool negative, unsigned base, unsigned width, char pad)
{
    char digit[20];
    unsigned digits = 0;
    do {
        digit[digits++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0);
    const unsigned length = digits + negative;
    if (negative && pad == '0')
        put(out, '-');
    for (unsigned i = length; i < width; i++)
        put(out, pad);
    if (negative && pad != '0')
        put(out, '-');
    while (digits > 0)
        put(out, digit[--digits]);
}

static void put_text(struct output *out, const char *text, unsigned width)
{
    unsigned length = 0;
    for (const char *s = text ? text : "(null)"; *s != '\0'; s++, length++)
        put(out, *s);
    for (; length < width; length++)
        put(out, ' ');
}

uint32_t format_text(char *text, uint32_t bytes, const char *format, va_list arguments)
{
    struct output out = { text, bytes, 0 };
    for (; *format != '\0'; format++) {
        if (*format != '%') {
            put(&out, *format);
            continue;
        }
        char pad = ' ';
        unsigned width = 0, longs = 0;
        bool left = false;
        format++;
        for (; *format == '-' || *format == '0'; format++) {
            if (*format == '0')
                pad = '0';
            else
                left = true;
        }
        for (; *format >= '0' && *format <= '9'; format++)
            width = width * 10 + (unsigned)(*format - '0');
        for (; *format == 'l'; format++)
            longs++;
        switch (*format) {
        case '%': put(&out, '%'); break;
        case 'c': put(&out, (char)va_arg(arguments, int)); break;
        case 's': put_text(&out, va_arg(arguments, const char *), left ? width : 0); break;
        case 'p': put_number(&out, (uint64_t)(uintptr_t)va_arg(arguments, void *), false, 16, width, pad); break;
        case 'u':
        case 'x': {
            const uint64_t value = longs ? va_arg(arguments, unsigned long) : va_arg(arguments, unsigned);
            put_number(&out, value, false, *format == 'x' ? 16 : 10, width, pad);
            break;
        }
        case 'd': {
            const int64_t value = longs ? va_arg(arguments, long) : va_arg(arguments, int);
            put_number(&out, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, value < 0, 10, width, pad);
            break;
        }
        case '\0': return out.used;
        default: put(&out, '?'); return out.used;  // the rest's arguments would be taken for others
        }
    }
    return out.used;
}
