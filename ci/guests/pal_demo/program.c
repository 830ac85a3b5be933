// SPDX-License-Identifier: BSD-2-Clause
// Start and output of a program without a C library.
#include "program.h"

#include <trustvisor/linux_call.h>

_Noreturn void program_start(long *stack);

_Noreturn void program_start(long *stack)
{
    const int status = program((int)stack[0], (char **)&stack[1]);
    for (;;)
        linux_call(LINUX_EXIT_GROUP, status, 0, 0, 0, 0, 0);
}

void print_text(const char *text)
{
    long bytes = 0;
    while (text[bytes] != '\0')
        bytes++;
    linux_call(LINUX_WRITE, 1, (long)text, bytes, 0, 0, 0);
}

void print_number(uintptr_t value)
{
    char text[2 + 2 * sizeof(value) + 1];
    unsigned at = sizeof(text) - 1;
    text[at] = '\0';
    do {
        text[--at] = "0123456789abcdef"[value & 15];
        value >>= 4;
    } while (value != 0);
    text[--at] = 'x';
    text[--at] = '0';
    print_text(&text[at]);
}

char *add_text(char *to, const char *text)
{
    while (*text != '\0')
        *to++ = *text++;
    return to;
}

char *add_number(char *to, uint64_t value)
{
    to = add_text(to, "0x");
    for (int shift = 60; shift >= 0; shift -= 4)
        *to++ = "0123456789abcdef"[value >> shift & 15];
    return to;
}

uintptr_t parse_number(const char *text, unsigned base)
{
    uintptr_t value = 0;
    if (base == 16 && text[0] == '0' && text[1] == 'x')
        text += 2;
    for (;; text++) {
        const unsigned digit = *text >= '0' && *text <= '9' ? (unsigned)(*text - '0') : *text >= 'a' && *text <= 'f' ? (unsigned)(*text - 'a' + 10) : 16;
        if (digit >= base)
            return value;
        value = value * base + digit;
    }
}
