// SPDX-License-Identifier: BSD-2-Clause
// The functions of a C library that compilers and libb2.a call without being asked.
#include <stddef.h>
#include <stdint.h>

#include "../memory.h"
#include "cr.h"

void *__memcpy_chk(void *to, const void *from, size_t bytes, size_t capacity);
void __explicit_bzero_chk(void *to, size_t bytes, size_t capacity);
_Noreturn void __stack_chk_fail(void);

void *memcpy(void *to, const void *from, size_t bytes)
{
    memory_copy(to, from, bytes);
    return to;
}

void *memset(void *to, int value, size_t bytes)
{
    memory_fill(to, (uint8_t)value, bytes);
    return to;
}

void *__memcpy_chk(void *to, const void *from, size_t bytes, size_t capacity)
{
    if (bytes > capacity)
        cpu_halt();
    return memcpy(to, from, bytes);
}

void __explicit_bzero_chk(void *to, size_t bytes, size_t capacity)
{
    if (bytes > capacity)
        cpu_halt();
    memory_fill(to, 0, bytes);
}

void __stack_chk_fail(void) { cpu_halt(); }
