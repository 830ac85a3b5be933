// SPDX-License-Identifier: BSD-2-Clause
// The counter's PAL, and what goes in and out of it.
#pragma once

#include <stdint.h>

// The sealed counter. bytes is 0 before the first count.
struct counter { uint32_t bytes; uint8_t blob[508]; };

#define NEVER 0xffffffffu   // counted in this boot

// Counts one up. Returns the counter, or 0: the blob was not sealed by this PAL here, isn't the last one of this boot, or can't be sealed; or another one counts.
uintptr_t counter_pal(struct counter *counter);
