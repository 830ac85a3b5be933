// SPDX-License-Identifier: BSD-2-Clause
// EPT violations on EPT01: MMIO that isn't mapped yet, and hidden memory, which reads as ones and takes no writes.
#pragma once

#include "cpu.h"

// Exit handler: L1's, and those of an L2 that runs on EPT01.
void ept01_violation(struct cpu *cpu);
