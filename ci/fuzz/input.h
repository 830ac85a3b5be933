// SPDX-License-Identifier: BSD-2-Clause
// A fuzzer's input, taken piece by piece; zeros behind its end.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct input { const uint8_t *next; size_t left; };

static inline uint64_t take(struct input *input, size_t bytes)
{
    uint64_t value = 0;
    size_t some = bytes < input->left ? bytes : input->left;
    if (some > 0)
        memcpy(&value, input->next, some);
    input->next += some;
    input->left -= some;
    return value;
}

static inline uint64_t take_below(struct input *input, uint64_t bound) { return take(input, bound <= 256 ? 1 : 8) % bound; }

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);
