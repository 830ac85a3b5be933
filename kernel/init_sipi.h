// SPDX-License-Identifier: BSD-2-Clause
// INIT and SIPI, by which L1 starts and stops its CPUs.
#pragma once

#include "cpu.h"

// Guest activity state (SDM 3C 25.4.2 "Guest Non-Register State").
enum { ACTIVITY_ACTIVE = 0, ACTIVITY_HLT = 1, ACTIVITY_SHUTDOWN = 2, ACTIVITY_WAIT_FOR_SIPI = 3 };

// L1's CPU is reset as INIT does: the boot CPU starts at the reset vector, others wait for SIPI. VMCS01 is current.
void init_deliver(struct cpu *cpu);
