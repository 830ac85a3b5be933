// SPDX-License-Identifier: BSD-2-Clause
// The local APIC's timer, by its memory-mapped registers. In the emulator it counts instructions, as the time-stamp counter does.
#pragma once

#include <stdint.h>

// No other source of interrupts is left on.
void timer_prepare(void);
// An interrupt after so many ticks, and nothing more.
void timer_start(uint32_t ticks);

// When the last one reached its handler.
extern volatile uint64_t timer_seen;
void timer_handler(void);  // timer.S
