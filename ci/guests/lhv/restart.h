// SPDX-License-Identifier: BSD-2-Clause
// A CPU that INIT and SIPI start anew while it is at L1's privilege level 3 (user.h): it goes on where user_run() returns.
#pragma once

#include <stdint.h>

#include "cpu.h"

// On the CPU that is to be started: its place below 1 MiB is for that now. VMX is off there, or INIT would wait.
void restart_prepare(void);
// How often it has been, since.
extern volatile uint64_t restart_count;
// On another CPU: the one, and later the other.
void restart_init(const struct cpu *c);
void restart_sipi(const struct cpu *c);
