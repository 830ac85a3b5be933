// SPDX-License-Identifier: BSD-2-Clause
// Panic: L0 can't go on. One line, the last events of each CPU, all CPUs stop.
#pragma once

__attribute__((noreturn, format(printf, 1, 2))) void panic(const char *format, ...);
