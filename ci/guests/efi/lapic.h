// SPDX-License-Identifier: BSD-2-Clause
// The local APIC, as it is: xAPIC or x2APIC.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "cpu_insn.h"

#define LAPIC_BASE_MSR 0x1b
#define LAPIC_BASE_X2  0x400u

#define LAPIC_ID       0x20
#define LAPIC_TPR      0x80
#define LAPIC_EOI      0xb0
#define LAPIC_SPURIOUS 0xf0
#define LAPIC_IRR      0x200
#define LAPIC_ICR      0x300
#define LAPIC_ICR_HIGH 0x310
#define LAPIC_LVT_TIMER 0x320
#define LAPIC_LVT_LINT0 0x350
#define LVT_MASKED     0x10000u
#define ICR_PENDING    (1u << 12)
#define ICR_FIXED      0x4000u
#define ICR_NMI        0x4400u
#define ICR_INIT       0x4500u
#define ICR_STARTUP    0x4600u
#define ICR_SELF       0x40000u
#define ICR_ALL_OTHERS 0xc0000u

static inline bool lapic_x2(void) { return msr_read(LAPIC_BASE_MSR) & LAPIC_BASE_X2; }
static inline uint32_t lapic_read(uint32_t reg)
{
    if (lapic_x2())
        return (uint32_t)msr_read(0x800 + (reg >> 4));
    return *(volatile uint32_t *)(uintptr_t)((msr_read(LAPIC_BASE_MSR) & 0xfffff000) + reg);
}
static inline void lapic_write(uint32_t reg, uint32_t value)
{
    if (lapic_x2())
        msr_write(0x800 + (reg >> 4), value);
    else
        *(volatile uint32_t *)(uintptr_t)((msr_read(LAPIC_BASE_MSR) & 0xfffff000) + reg) = value;
}
static inline void lapic_eoi(void) { lapic_write(LAPIC_EOI, 0); }
static inline void lapic_send(uint32_t apic_id, uint32_t command)
{
    if (lapic_x2()) {
        msr_write(0x830, (uint64_t)apic_id << 32 | command);
        return;
    }
    lapic_write(LAPIC_ICR_HIGH, apic_id << 24);
    lapic_write(LAPIC_ICR, command);
    while (lapic_read(LAPIC_ICR) & ICR_PENDING)
        ;
}
