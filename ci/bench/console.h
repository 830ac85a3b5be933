// SPDX-License-Identifier: BSD-2-Clause
// Lines on COM1, by the port: UEFI isn't called any more once the bench runs.
#pragma once

#include <stdint.h>

void console_text(const char *text);
void console_number(uint64_t value, unsigned base);
void console_line(const char *name, uint64_t value);                       // bench NAME VALUE
_Noreturn void console_error(const char *what, uint64_t value);            // bench error WHAT VALUE (hexadecimal), then the end
_Noreturn void power_off(void);
