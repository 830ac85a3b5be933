// SPDX-License-Identifier: BSD-2-Clause
// The local APIC, which belongs to L1: L0 only sends NMIs through it.
#pragma once

#include <stdint.h>

#define APIC_BASE_ADDRESS 0x000ffffffffff000ull
#define APIC_BASE_BSP     (1u << 8)
#define APIC_BASE_X2APIC  (1u << 10)
#define APIC_BASE_ENABLE  (1u << 11)

// If the last command that this CPU gave was a SIPI for all others: gives it to the CPUs that still wait, one by one. Any context.
void lapic_repeat_sipi(void);

// Sends an NMI. What L1 was about to write to its interrupt command register stays as it was.
void lapic_send_nmi(uint32_t apic_id);

// The entry of the performance counters' interrupt: sets it, and returns what it was.
#define LAPIC_NMI 0x400u
uint32_t lapic_counter(uint32_t entry);

// Takes back that this CPU has accepted an interrupt, which is the highest one in service: it is pending again.
void lapic_requeue(uint8_t vector);
