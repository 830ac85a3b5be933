// SPDX-License-Identifier: BSD-2-Clause
// The functions of a C library that libbearssl.a calls, besides those that the runtime has.
#include <stddef.h>
#include <stdint.h>

#include <rt/panic.h>
#include <rt/string.h>

void *memmove(void *to, const void *from, size_t bytes);
void *__memcpy_chk(void *to, const void *from, size_t bytes, size_t capacity);
void *__memmove_chk(void *to, const void *from, size_t bytes, size_t capacity);
void *__memset_chk(void *to, int value, size_t bytes, size_t capacity);
_Noreturn void __stack_chk_fail(void);

void *memmove(void *to, const void *from, size_t bytes)
{
    uint8_t *t = to;
    const uint8_t *f = from;
    if ((uintptr_t)t - (uintptr_t)f >= bytes)
        return memcpy(to, from, bytes);
    while (bytes-- > 0)
        t[bytes] = f[bytes];
    return to;
}

static void check(size_t bytes, size_t capacity)
{
    if (bytes > capacity)
        rt_panic("a copy beyond its buffer");
}

void *__memcpy_chk(void *to, const void *from, size_t bytes, size_t capacity)
{
    check(bytes, capacity);
    return memcpy(to, from, bytes);
}

void *__memmove_chk(void *to, const void *from, size_t bytes, size_t capacity)
{
    check(bytes, capacity);
    return memmove(to, from, bytes);
}

void *__memset_chk(void *to, int value, size_t bytes, size_t capacity)
{
    check(bytes, capacity);
    return memset(to, value, bytes);
}

void __stack_chk_fail(void) { rt_panic("the stack protector's value has changed"); }
