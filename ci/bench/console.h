// SPDX-License-Identifier: BSD-2-Clause
// The bench's lines on COM1.
#pragma once

#include <stdint.h>

#include "serial.h"

void console_line(const char *name, uint64_t value);                       // bench NAME VALUE
_Noreturn void console_error(const char *what, uint64_t value);            // bench error WHAT VALUE (hexadecimal), then the end
