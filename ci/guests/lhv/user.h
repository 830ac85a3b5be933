// SPDX-License-Identifier: BSD-2-Clause
// L1's privilege level 3, with interrupts on.
#pragma once

#include <stdint.h>

#define VECTOR_USER_END 0x81

// What the function returns, which runs there on that stack. An exception there ends it as well: this_cpu()->caught says so, the result is anything.
uint64_t user_run(uint64_t (*function)(uint64_t), uint64_t argument, void *stack);
extern const char user_end[];       // the gate of VECTOR_USER_END leads there
extern const char user_faulted[];
