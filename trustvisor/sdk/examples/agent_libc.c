// SPDX-License-Identifier: BSD-2-Clause
// What BearSSL calls of a C library, inside of a PAL.
#include <stddef.h>
#include <stdint.h>

void *memcpy(void *to, const void *from, size_t bytes);
void *memmove(void *to, const void *from, size_t bytes);
void *memset(void *to, int value, size_t bytes);
void *__memcpy_chk(void *to, const void *from, size_t bytes, size_t capacity);
void *__memmove_chk(void *to, const void *from, size_t bytes, size_t capacity);
void *__memset_chk(void *to, int value, size_t bytes, size_t capacity);
_Noreturn void __stack_chk_fail(void);

// Its exit ends the PAL.
_Noreturn void __stack_chk_fail(void)
{
    for (;;)
        __builtin_trap();
}

void *memmove(void *to, const void *from, size_t bytes)
{
    volatile uint8_t *t = to;
    const volatile uint8_t *f = from;
    if (t <= f)
        for (size_t i = 0; i < bytes; i++)
            t[i] = f[i];
    else
        while (bytes-- > 0)
            t[bytes] = f[bytes];
    return to;
}

void *memcpy(void *to, const void *from, size_t bytes) { return memmove(to, from, bytes); }

void *memset(void *to, int value, size_t bytes)
{
    volatile uint8_t *t = to;
    while (bytes-- > 0)
        *t++ = (uint8_t)value;
    return to;
}

void *__memmove_chk(void *to, const void *from, size_t bytes, size_t capacity)
{
    if (bytes > capacity)
        __stack_chk_fail();
    return memmove(to, from, bytes);
}

void *__memcpy_chk(void *to, const void *from, size_t bytes, size_t capacity) { return __memmove_chk(to, from, bytes, capacity); }

void *__memset_chk(void *to, int value, size_t bytes, size_t capacity)
{
    if (bytes > capacity)
        __stack_chk_fail();
    return memset(to, value, bytes);
}
