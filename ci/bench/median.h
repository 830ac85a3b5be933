// SPDX-License-Identifier: BSD-2-Clause
// The middle of some measurements.
#pragma once

#include <stdint.h>

#define RUNS 101

// The median of ticks[count], minus that of an empty measurement (never below 0). Sorts ticks.
uint64_t median(uint64_t *ticks, uint64_t count);
