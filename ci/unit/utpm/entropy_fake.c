// SPDX-License-Identifier: BSD-2-Clause
#include "entropy_fake.h"

#include "../../../trustvisor/entropy.h"

bool entropy_missing;
uint32_t entropy_calls;

bool entropy_fill(void *out, uint32_t bytes)
{
    uint8_t *to = out;
    if (entropy_missing)
        return false;
    entropy_calls++;
    for (uint32_t i = 0; i < bytes; i++)
        to[i] = (uint8_t)(7 * i);
    return true;
}
