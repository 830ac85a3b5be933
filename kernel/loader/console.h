// SPDX-License-Identifier: BSD-2-Clause
// The loader's lines, for the user: on the UEFI console and on COM1.
#pragma once

// Prints "bulkhead: ", the text and a line's end. Once on COM1 too, whether or not the firmware's console is there as well.
void console_line(const char *format, ...) __attribute__((format(printf, 1, 2)));
