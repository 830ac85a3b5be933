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

// VMCS shadowing for L1 (SDM 3C 25.10 "VMCS Types: Ordinary and Shadow"): gives it the shadow VMCS, or none. The control stays on: by a link pointer that is not
// valid VMREAD and VMWRITE are VMfailInvalid, as they are for a hypervisor without a current VMCS (SDM 3C 31.3 "VMX Instructions").
void vmcs01_shadow(struct cpu *cpu, bool on);

// L1 enters VMX operation, or leaves it: where VMREAD is #UD there is no shadowing; and CR0.PE and PG, which VMXON has found set, stay so in it (SDM 3C 24.8
// "Restrictions on VMX Operation"; cr_access.c). Out of it an unrestricted guest changes them without an exit.
void vmcs01_vmx(struct cpu *cpu, bool on);
