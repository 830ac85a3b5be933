// SPDX-License-Identifier: BSD-2-Clause
// Control registers, and stopping the CPU for good.
#pragma once

#include "../cr.h"

static inline _Noreturn void cpu_halt(void)
{
    for (;;)
        __asm__ volatile("cli; hlt");
}
