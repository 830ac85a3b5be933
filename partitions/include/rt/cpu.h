// SPDX-License-Identifier: BSD-2-Clause
// Which CPU this is: each has its own stack at STACK_BASE, so the stack pointer tells.
#pragma once

#include <stdint.h>

#include <caps/layout.h>

static inline uint32_t rt_cpu(void)
{
    return ((uint32_t)(uintptr_t)__builtin_frame_address(0) - (uint32_t)STACK_BASE) / (uint32_t)STACK_STRIDE;
}
