// SPDX-License-Identifier: BSD-2-Clause
// CPUID as L1 sees it.
#pragma once

#include "cpu.h"

// Which bits L0 takes away, decided once. CPU 0, after the partitions are loaded.
void cpuid_init(void);

// Exit handler.
void cpuid_exit(struct cpu *cpu);
