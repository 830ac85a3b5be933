// SPDX-License-Identifier: BSD-2-Clause
// The counter's PAL, and what goes in and out of it.
#pragma once

#include <stdint.h>

// The sealed counter. bytes is 0 before the first count.
struct counter { uint32_t bytes; uint8_t blob[508]; };

#define NEVER 0xffffffffu   // counted in this boot

enum counter_result {
    COUNTER_OK,
    COUNTER_NOT_OPENED,   // the blob is none that this PAL sealed here
    COUNTER_NOT_LAST,     // an older one of this boot, or none where there was one
    COUNTER_NO_NVRAM,     // another counter is at work, or too many PALs have NVRAM
    COUNTER_NOT_SEALED,
};

// Counts one up; *value: the counter. enum counter_result
uintptr_t counter_pal(struct counter *counter, uintptr_t *value);
