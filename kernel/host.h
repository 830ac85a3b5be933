// SPDX-License-Identifier: BSD-2-Clause
// The CPU state that L0 runs in. VM exits load it from the VMCS; before the first one the kernel loads it by hand.
#pragma once

#include <stdint.h>

#include "boot_info.h"
#include "cpu.h"
#include "descriptor.h"
#include "msr.h"

// No SCE: SYSCALL is #UD for partitions. PAT as after a reset: the kernel uses WB (0) and UC (3).
#define HOST_EFER (EFER_LME | EFER_LMA | EFER_NXE)
#define HOST_PAT  0x0007040600070406ull

// HOST_RIP (entry.S).
extern const char vm_exit[];

// From the loader's state to the kernel's: page tables, GDT, IDT, TSS, control registers, SYSENTER. On the CPU's own stack.
void host_enter(struct cpu *cpu, const struct launch_state *launch);
