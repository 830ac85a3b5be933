// SPDX-License-Identifier: BSD-2-Clause
// The log: one line a call, `L0 <cpu> <level> <text>`, to port 0xE9 and COM1. No lock: any context, NMI too.
#pragma once

#include <stdarg.h>

#include <caps/records.h>
#include <caps/syscall.h>

#include "boot_info.h"

// What the kernel writes down for others to read (caps/records.h), but for the CPUs' part, which is theirs: on pages that partitions with RIGHT_RECORDS may read. The
// loader has filled in what is known from the start (loader/records.c).
extern struct records_own *records;

// Formats: caps/format.h. Longer lines are cut.
void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

// Everything that waits goes out now: before the machine stops.
void log_flush(void);

// Takes the console from a CPU that has been stopped while it printed (panic).
void log_take_console(void);

// Formats into text, always ended with NUL; the number of characters.
unsigned log_format(char *text, unsigned bytes, const char *format, ...) __attribute__((format(printf, 3, 4)));
__attribute__((format(printf, 3, 0))) unsigned log_vformat(char *text, unsigned bytes, const char *format, va_list args);
