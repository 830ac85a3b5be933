// SPDX-License-Identifier: BSD-2-Clause
// Control registers, and stopping the CPU for good.
#pragma once

#include <stdint.h>

static inline uint64_t cr4_read(void)
{
    uint64_t value;
    __asm__ volatile("movq %%cr4, %0" : "=r"(value));
    return value;
}

static inline _Noreturn void cpu_halt(void)
{
    for (;;)
        __asm__ volatile("cli; hlt");
}
