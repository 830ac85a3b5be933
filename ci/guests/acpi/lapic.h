/* SPDX-License-Identifier: BSD-2-Clause */
/* Sends an INIT through the local APIC. */
#pragma once

#include <stdint.h>

#define MSR_APIC_BASE 0x1bU
#define MSR_X2APIC_ICR 0x830U
#define APIC_BASE_X2APIC 0x400U
#define ICR_LOW 0x300U
#define ICR_INIT_ALL_OTHERS 0xc4500U /* all excluding self, assert, INIT */

static inline uint64_t apic_base_read(void)
{
    uint32_t low, high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(MSR_APIC_BASE));
    return (uint64_t)high << 32 | low;
}

static inline void lapic_init_all_others(void)
{
    uint64_t base = apic_base_read();
    if (base & APIC_BASE_X2APIC) {
        __asm__ volatile("wrmsr" : : "c"(MSR_X2APIC_ICR), "a"(ICR_INIT_ALL_OTHERS), "d"(0) : "memory");
        return;
    }
    *(volatile uint32_t *)(uintptr_t)((base & 0xffffff000ULL) + ICR_LOW) = ICR_INIT_ALL_OTHERS;
}
