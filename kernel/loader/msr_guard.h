// SPDX-License-Identifier: BSD-2-Clause
// MSRs that may not exist: between begin and end the #GP of msr_try_read() and msr_try_write() is this one's, and nothing interrupts.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "cr.h"
#include "descriptor.h"

#define GUARD_VECTORS 256
struct msr_guard {
    struct descriptor_table before;
    uint64_t flags;
    struct { uint16_t offset0, selector, attributes, offset1; uint32_t offset2, reserved; } gate[GUARD_VECTORS];  // SDM 3A 6.14.1 "64-Bit Mode IDT"
};

// msr_guard.S: goes on behind the RDMSR or WRMSR with R8D = 1.
extern const char msr_guard_fault[] __attribute__((visibility("hidden")));

static inline void msr_guard_begin(struct msr_guard *guard)
{
    const uint64_t handler = (uintptr_t)msr_guard_fault;
    guard->flags = interrupts_off();
    guard->before = idt_read();
    const uint32_t bytes = guard->before.limit + 1u < sizeof(guard->gate) ? guard->before.limit + 1u : sizeof(guard->gate);
    for (uint32_t i = 0; i < sizeof(guard->gate); i++)
        ((volatile uint8_t *)guard->gate)[i] = i < bytes ? ((const uint8_t *)(uintptr_t)guard->before.base)[i] : 0;
    guard->gate[13].offset0 = (uint16_t)handler;
    guard->gate[13].selector = cs_read();
    guard->gate[13].attributes = 0x8e00;  // an interrupt gate
    guard->gate[13].offset1 = (uint16_t)(handler >> 16);
    guard->gate[13].offset2 = (uint32_t)(handler >> 32);
    idt_load((struct descriptor_table){ sizeof(guard->gate) - 1, (uintptr_t)guard->gate });
}

static inline void msr_guard_end(const struct msr_guard *guard)
{
    idt_load(guard->before);
    interrupts_restore(guard->flags);
}
