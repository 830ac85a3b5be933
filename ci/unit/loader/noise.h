// SPDX-License-Identifier: BSD-2-Clause
// Repeatable noise, to damage inputs with (xorshift).
#pragma once

#include <stdint.h>

static inline uint32_t noise_next(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}
