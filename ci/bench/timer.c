// SPDX-License-Identifier: BSD-2-Clause
// The timer (SDM 3A 11.5.4 "APIC Timer").

#include "port.h"
#include "timer.h"
#include "trap.h"

#define LAPIC        0xfee00000u
#define LVT_TIMER    0x320u
#define LVT_LINT0    0x350u
#define INITIAL      0x380u
#define DIVIDE       0x3e0u
#define DIVIDE_BY_1  0xbu
#define LVT_MASKED   0x10000u
#define PIC_MASK     0x21u
#define PIC_MASK_2   0xa1u

volatile uint64_t timer_seen;

static void lapic_write(uint32_t at, uint32_t value) { *(volatile uint32_t *)(uintptr_t)(LAPIC + at) = value; }

void timer_prepare(void)
{
    out8(PIC_MASK, 0xff);
    out8(PIC_MASK_2, 0xff);
    lapic_write(LVT_LINT0, LVT_MASKED);
    lapic_write(INITIAL, 0);
    lapic_write(DIVIDE, DIVIDE_BY_1);
    lapic_write(LVT_TIMER, TRAP_INTERRUPT);
    trap_interrupt(timer_handler);
}

void timer_start(uint32_t ticks) { lapic_write(INITIAL, ticks); }
