// SPDX-License-Identifier: BSD-2-Clause
// The four functions of a C library that compilers and libbearssl.a call without being asked.
#include <stddef.h>
#include <stdint.h>

#include "cr.h"

void *memcpy(void *to, const void *from, size_t bytes);
void *memset(void *to, int value, size_t bytes);
void *__memcpy_chk(void *to, const void *from, size_t bytes, size_t capacity);
_Noreturn void __stack_chk_fail(void);

void *memcpy(void *to, const void *from, size_t bytes)
{
    volatile uint8_t *t = to;  // volatile: else the compiler turns the loop into a call of memcpy
    const uint8_t *f = from;
    while (bytes--)
        *t++ = *f++;
    return to;
}

void *memset(void *to, int value, size_t bytes)
{
    volatile uint8_t *t = to;
    while (bytes--)
        *t++ = (uint8_t)value;
    return to;
}

void *__memcpy_chk(void *to, const void *from, size_t bytes, size_t capacity)
{
    if (bytes > capacity)
        cpu_halt();
    return memcpy(to, from, bytes);
}

void __stack_chk_fail(void) { cpu_halt(); }
