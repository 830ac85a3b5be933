// SPDX-License-Identifier: BSD-2-Clause
// Copying and filling of the kernel's memory.
#pragma once

#include <stddef.h>
#include <stdint.h>

static inline void memory_fill(void *to, uint8_t value, size_t bytes)
{
    size_t quads = bytes / 8;
    bytes %= 8;
    __asm__ volatile("rep stosq" : "+D"(to), "+c"(quads) : "a"(value * 0x0101010101010101ull) : "memory");
    if (bytes != 0)  // not decided at run time where the size is a constant
        __asm__ volatile("rep stosb" : "+D"(to), "+c"(bytes) : "a"(value) : "memory");
}

static inline void memory_copy(void *to, const void *from, size_t bytes)
{
    size_t quads = bytes / 8;
    bytes %= 8;
    __asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(quads) : : "memory");
    if (bytes != 0)
        __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(bytes) : : "memory");
}

// The functions that compilers call by themselves.
void *memset(void *to, int value, size_t bytes);
void *memcpy(void *to, const void *from, size_t bytes);
int memcmp(const void *a, const void *b, size_t bytes);
