// SPDX-License-Identifier: BSD-2-Clause
// VMCS01: L0's VMCS for L1, one a CPU.
#pragma once

#include <stdint.h>

#include "boot_info.h"
#include "cpu.h"

#define VMCS01_VPID 1u

// Fills the current VMCS, fresh, with L1 as it was: it goes on at launch->rip.
void vmcs01_init(struct cpu *cpu, const struct launch_entry *launch);

// Resets L1's state in VMCS01 as INIT does (SDM 3A 10.1.1 "Processor State After Reset"), and cpu->gpr. VMCS01 is current.
void vmcs01_reset_guest(struct cpu *cpu);

// Ends L1's translations on this CPU (its VPID).
void vmcs01_flush(void);
