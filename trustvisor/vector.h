// SPDX-License-Identifier: BSD-2-Clause
// Vector registers: at each message they are the guest's. Who wants to use them saves them first, and loads them again. A test replaces vector.c.
#pragma once

#include <stdbool.h>
#include <stdint.h>

// Whether the state fits PAL_VECTORS bytes, with all that the CPU has, whatever of it L1 has switched on by now.
bool vector_fits(void);

// Of PAL_VECTORS bytes, aligned to 64.
void vector_save(uint8_t *area);
void vector_load(const uint8_t *area);

// The area is what a program finds at its start.
void vector_reset(uint8_t *area);
