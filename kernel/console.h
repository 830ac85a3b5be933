// SPDX-License-Identifier: BSD-2-Clause
// Console: where log lines leave the machine. The caller sees to it that one CPU writes at a time.
#pragma once

#include <stdint.h>

// CONSOLE_... of boot_info.h, ORed.
void console_init(uint32_t where);
void console_write(const char *text);
