// SPDX-License-Identifier: BSD-2-Clause
// L1's writes to CR0 and CR4 that change a bit which VMX fixes.
#pragma once

#include "cpu.h"

// Exit handler.
void cr_access_exit(struct cpu *cpu);
