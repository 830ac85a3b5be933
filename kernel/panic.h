// SPDX-License-Identifier: BSD-2-Clause
// Panic: L0 can't go on. One line, a crash record; all CPUs stop, and the machine is reset where the configuration says so.
#pragma once

#include <stdint.h>

#include "trap_frame.h"

__attribute__((noreturn, format(printf, 1, 2))) void panic(const char *format, ...);

// An exception in the kernel itself.
__attribute__((noreturn)) void panic_trap(const struct trap_frame *frame, uint64_t cr2);
