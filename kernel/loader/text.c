// SPDX-License-Identifier: BSD-2-Clause
// The lines of the loader are formatted as the log is.
#include "text.h"

#include <caps/format.h>

size_t text_format_list(char *at, size_t capacity, const char *format, va_list list) { return format_line(at, capacity, format, list); }

size_t text_format(char *at, size_t capacity, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    size_t length = text_format_list(at, capacity, format, list);
    va_end(list);
    return length;
}
