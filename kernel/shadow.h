// SPDX-License-Identifier: BSD-2-Clause
// VMCS shadowing for L1 (SDM 3C 25.10 "VMCS Types: Ordinary and Shadow"): which fields L1 reads and writes without an exit.
#pragma once

#include <stdbool.h>

#include <caps/status.h>

#include "cpu.h"
#include "vmcs.h"

// Whether this CPU can do it: also needs VMWRITE to the exit information.
bool shadow_supported(const struct cpu *cpu);

// Switches it on or off in VMCS01.
void shadow_set(struct cpu *cpu, bool on);
