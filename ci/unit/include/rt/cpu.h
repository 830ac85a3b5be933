// SPDX-License-Identifier: BSD-2-Clause
// On the host, the test says which CPU it plays (shadows partitions/include/rt/cpu.h).
#pragma once

#include <stdint.h>

extern uint32_t world_cpu;
static inline uint32_t rt_cpu(void) { return world_cpu; }
