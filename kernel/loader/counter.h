// SPDX-License-Identifier: BSD-2-Clause
// The performance counter that is the watchdog where a CPU has no others to watch it (kernel/watchdog.c).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "cpuid.h"

#define CPUID_COUNTERS 0xau  // SDM 2A "CPUID", leaf 0AH: Architectural Performance Monitoring

// Where it has to start to wrap after so many ticks. 0: by its word (leaf 0AH) the CPU hasn't got it, or it is too narrow; or nobody is to watch.
uint64_t counter_start(const struct cpuid *leaf, uint64_t ticks);

// Whether that counter of the CPU that runs this does what it should: hypervisors and emulators offer some that stand still, or fault. Leaves it as it was, but for an
// overflow of it that nobody has looked at.
bool counter_works(uint64_t start, uint64_t ticks);
