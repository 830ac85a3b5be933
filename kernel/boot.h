// SPDX-License-Identifier: BSD-2-Clause
// Boot: from the loader's call to L1.
#pragma once

#include "boot_info.h"
#include "cpu.h"

// The loader enters here, on the CPU's own stack: VMX on, L1 goes on; or back to the loader, as by boot_fail().
__attribute__((noreturn)) void kernel_entry(struct boot_info *info, uint32_t index);

// VMX off, and back to the loader, which puts everything back as it was, and shows why. Only before the CPU has run as L1.
__attribute__((noreturn)) void boot_fail(struct cpu *cpu, const char *why);
