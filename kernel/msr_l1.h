// SPDX-License-Identifier: BSD-2-Clause
// MSRs as L1 sees them: what RDMSR and WRMSR do where L0 watches.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "cpu.h"

// RDMSR, WRMSR of L1 on this CPU, which is in VMX root: also of MSRs that L0 doesn't watch. EFER, PAT, DEBUGCTL, SYSENTER and FS/GS base are VMCS
// fields: those are false here. false: #GP.
bool msr_read_l1(struct cpu *cpu, uint32_t msr, uint64_t *value);
bool msr_write_l1(struct cpu *cpu, uint32_t msr, uint64_t value);

// Whether L0 lets L1 read and write it at all (some MSRs may still refuse the value, or not exist).
bool msr_l1_writable(uint32_t msr);
