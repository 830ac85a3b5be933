// SPDX-License-Identifier: BSD-2-Clause
// The bench's lines.

#include "console.h"

void console_line(const char *name, uint64_t value)
{
    serial_text("bench ");
    serial_text(name);
    serial_text(" ");
    serial_number(value, 10);
    serial_text("\r\n");
}

void console_error(const char *what, uint64_t value)
{
    serial_text("bench error ");
    serial_text(what);
    serial_text(" 0x");
    serial_number(value, 16);
    serial_text("\r\n");
    power_off();
}
