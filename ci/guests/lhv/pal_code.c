// SPDX-License-Identifier: BSD-2-Clause
#include "pal_code.h"

#include <trustvisor/pal.h>

// A section that an EFI image has.
#undef PAL_CODE
#define PAL_CODE __attribute__((section(".text.pal"), noinline, used))

#include "../pal_demo/pal_functions.c"

PAL_CODE uintptr_t pal_spin(uintptr_t rounds)
{
    volatile uintptr_t sum = 0;
    for (uintptr_t i = 0; i < rounds; i++)
        sum += 3;
    return sum;
}
