// SPDX-License-Identifier: BSD-2-Clause
// Neighbours that a proof doesn't look at: locks, the log, shoot-downs. CBMC runs one CPU.
#pragma once

#include <stdarg.h>
#include <stdint.h>

#include "../../kernel/log.h"
#include "../../kernel/shootdown.h"

void log_line(enum log_level level, const char *format, ...) { (void)level, (void)format; }
void shootdown(void) {}
