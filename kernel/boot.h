// SPDX-License-Identifier: BSD-2-Clause
// Boot: from the loader's call to L1. entry.S calls these.
#pragma once

#include "boot_info.h"
#include "cpu.h"

// On the boot stack, one CPU at a time: looks whether this CPU will do, on the first CPU makes everything that all share.
// NULL: it won't do, boot_status says why, and info->error.
struct cpu *boot_prepare(struct boot_info *info, uint32_t index);
extern enum status boot_status;

// On the CPU's own stack: VMX on, L1 goes on; or back to the loader, whose stack pointer kernel_entry had, as by boot_fail().
__attribute__((noreturn)) void boot_launch(struct cpu *cpu, struct boot_info *info, uint64_t loader_rsp);

// VMX off, everything as it was, and back to the loader. Only before the CPU has run as L1.
__attribute__((noreturn)) void boot_fail(struct cpu *cpu, enum status status);

// The same, as the first VM entry failed.
__attribute__((noreturn)) void boot_entry_failed(struct cpu *cpu);
