// SPDX-License-Identifier: BSD-2-Clause
// VMCS01: L0's VMCS for L1, one a CPU, and the bitmaps that all of them share.
#pragma once

#include <stdint.h>

#include <caps/msg.h>

#include "boot_info.h"
#include "cpu.h"

#define VMCS01_VPID 1u

// 512 qwords (SDM 3C 25.6.4 "I/O-Bitmap Addresses", 25.6.9 "MSR-Bitmap Address"); loader/watch.c's. Never NULL.
const uint64_t *vmcs01_bitmap(enum bitmap_kind kind);

// Fills the current VMCS, fresh, with L1 as it was: it goes on at launch->rip.
void vmcs01_init(struct cpu *cpu, const struct launch_entry *launch);

// Resets L1's state in VMCS01 as INIT does (SDM 3A 10.1.1 "Processor State After Reset"), and cpu->gpr. VMCS01 is current.
void vmcs01_reset_guest(struct cpu *cpu);

// Ends L1's translations on this CPU (its VPID).
void vmcs01_flush(void);
