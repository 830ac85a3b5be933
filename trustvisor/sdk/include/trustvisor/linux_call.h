// SPDX-License-Identifier: BSD-2-Clause
// Linux system calls, without a C library: the same code serves 32- and 64-bit programs, static or not.
#pragma once

#include <stdint.h>

#ifdef __x86_64__
enum { LINUX_READ = 0, LINUX_WRITE = 1, LINUX_MMAP = 9, LINUX_MUNMAP = 11, LINUX_MLOCK = 149, LINUX_EXIT_GROUP = 231 };
static inline long linux_call(long number, long a, long b, long c, long d, long e, long f)
{
    long result;
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
    return result;
}
#else
enum { LINUX_EXIT_GROUP = 252, LINUX_READ = 3, LINUX_WRITE = 4, LINUX_MMAP = 192, LINUX_MUNMAP = 91, LINUX_MLOCK = 150 };
static inline long linux_call(long number, long a, long b, long c, long d, long e, long f)
{
    long result;
    const long more[2] = { number, f };  // EBP, the sixth argument, is the compiler's: exchanged around the call
    __asm__ volatile("push %%ebp; mov 4(%%eax), %%ebp; mov (%%eax), %%eax; int $0x80; pop %%ebp"
                     : "=a"(result) : "a"(more), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e) : "memory");
    return result;
}
#endif
