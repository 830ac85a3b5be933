// SPDX-License-Identifier: BSD-2-Clause
// Console: where log lines leave the machine. The caller sees to it that one CPU writes at a time.
#pragma once

// To where boot_info->console says.
void console_write(const char *text);
