// SPDX-License-Identifier: BSD-2-Clause
// The firmware's clock, in seconds since 1970. Without time zones: what the firmware shows is what is meant.
#pragma once

#include <stdint.h>

#define CLOCK_TEXT 24

// 0 for a date that cannot be.
uint64_t clock_seconds(unsigned year, unsigned month, unsigned day, unsigned hour, unsigned minute, unsigned second);

// "2026-11-21 08:15:00", or "at an unknown time" for 0.
void clock_text(uint64_t seconds, char text[CLOCK_TEXT]);
