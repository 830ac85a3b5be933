// SPDX-License-Identifier: BSD-2-Clause
// Where randomness comes from: RDSEED, else RDRAND. A test replaces it.
#pragma once

#include <stdbool.h>
#include <stdint.h>

// Fills all of it, or returns false: the CPU has neither instruction, or they fail again and again.
bool entropy_fill(void *out, uint32_t bytes);
