// SPDX-License-Identifier: BSD-2-Clause
#include "console_fake.h"

#include <stdarg.h>
#include <stdio.h>

#include "../../../kernel/loader/console.h"
#include "check.h"

char line[256];

void console_line(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    CHECK(line[0] == 0);  // one line
    vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
}
