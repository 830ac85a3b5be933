// SPDX-License-Identifier: BSD-2-Clause
// memset, memcpy, memcmp: compilers call them for large objects even where nobody wrote such a call.
#include "memory.h"

void *memset(void *to, int value, size_t bytes)
{
    memory_fill(to, (uint8_t)value, bytes);
    return to;
}

void *memcpy(void *to, const void *from, size_t bytes)
{
    memory_copy(to, from, bytes);
    return to;
}

int memcmp(const void *a, const void *b, size_t bytes)
{
    const uint8_t *x = a, *y = b;
    while (bytes && *x == *y)
        bytes--, x++, y++;
    return bytes ? *x - *y : 0;
}
