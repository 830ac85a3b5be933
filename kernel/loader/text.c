// SPDX-License-Identifier: BSD-2-Clause
// The printf of the loader: small, bounded, and the same on the host and under UEFI.
#include "text.h"

struct sink {
    char *at;
    size_t capacity, length;
};

static void sink_char(struct sink *sink, char c)
{
    if (sink->length + 1 < sink->capacity)
        sink->at[sink->length++] = c;
}

static void sink_number(struct sink *sink, unsigned long long value, unsigned base, unsigned width)
{
    char digits[24];
    unsigned count = 0;
    do {
        digits[count++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value);
    while (count < width && count < sizeof(digits))
        digits[count++] = '0';
    while (count)
        sink_char(sink, digits[--count]);
}

size_t text_format_list(char *at, size_t capacity, const char *format, va_list list)
{
    struct sink sink = {at, capacity, 0};
    for (const char *p = format; *p; p++) {
        if (*p != '%') {
            sink_char(&sink, *p);
            continue;
        }
        p++;
        unsigned width = 0;
        size_t longest = ~(size_t)0;
        bool wide = false;
        for (; *p >= '0' && *p <= '9'; p++)
            width = width * 10 + (unsigned)(*p - '0');
        if (p[0] == '.' && p[1] == '*') {
            longest = (size_t)va_arg(list, int);
            p += 2;
        }
        if (p[0] == 'l' && p[1] == 'l') {
            wide = true;
            p += 2;
        }
        switch (*p) {
        case 's': {
            const char *s = va_arg(list, const char *);
            for (size_t i = 0; i < longest && s[i]; i++)
                sink_char(&sink, s[i]);
            break;
        }
        case 'u':
        case 'x':
            sink_number(&sink, wide ? va_arg(list, unsigned long long) : va_arg(list, unsigned), *p == 'u' ? 10 : 16, width);
            break;
        case 'c':
            sink_char(&sink, (char)va_arg(list, int));
            break;
        default:
            sink_char(&sink, *p);
            break;
        }
        if (!*p)
            break;
    }
    sink.at[sink.length] = 0;
    return sink.length;
}

size_t text_format(char *at, size_t capacity, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    size_t length = text_format_list(at, capacity, format, list);
    va_end(list);
    return length;
}
