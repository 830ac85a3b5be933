/* SPDX-License-Identifier: BSD-2-Clause */
/* A small guest's interrupts: its local APIC (SDM 3A 10.4) and the gates of its IDT (SDM 3A 6.14.1). */
#pragma once

#include <stdint.h>

#define LAPIC 0xfee00000UL
enum {
    LAPIC_EOI = 0xb0,
    LAPIC_SPURIOUS = 0xf0,
    LAPIC_ICR_LOW = 0x300,
    LAPIC_ICR_HIGH = 0x310,
    LAPIC_TIMER_LVT = 0x320,
    LAPIC_TIMER_COUNT = 0x380,
    LAPIC_TIMER_DIVIDE = 0x3e0,
    LAPIC_ENABLE = 0x100,
    LAPIC_DIVIDE_BY_1 = 0xb,
    TIMER_TICKS = 20000,
    GATE_INTERRUPT = 0x8e00,
    VECTOR_GP = 13,
};

struct gate {
    uint16_t offset_low, selector, type, offset_middle;
    uint32_t offset_high, reserved;
};

struct interrupt_frame {
    uint64_t rip, cs, rflags, rsp, ss;
};

static inline void lapic_write(uint32_t reg, uint32_t value)
{
    *(volatile uint32_t *)(LAPIC + reg) = value;
}

static inline void gate_set(struct gate *gate, uint16_t selector, uint64_t handler)
{
    *gate = (struct gate){ (uint16_t)handler, selector, GATE_INTERRUPT, (uint16_t)(handler >> 16), (uint32_t)(handler >> 32), 0 };
}

/* One interrupt of the local APIC's timer, TIMER_TICKS from now. */
static inline void timer_start(uint8_t vector)
{
    lapic_write(LAPIC_TIMER_DIVIDE, LAPIC_DIVIDE_BY_1);
    lapic_write(LAPIC_TIMER_LVT, vector);
    lapic_write(LAPIC_TIMER_COUNT, TIMER_TICKS);
}

/* RDMSR or WRMSR faulted: two bytes to skip. */
static inline void skip_msr_access(struct interrupt_frame *frame)
{
    ((volatile struct interrupt_frame *)frame)->rip += 2;
}
