// SPDX-License-Identifier: BSD-2-Clause
// CPUID as L1 sees it.
#pragma once

#include "cpu.h"

// Exit handler.
void cpuid_exit(struct cpu *cpu);
