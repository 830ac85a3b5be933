// SPDX-License-Identifier: BSD-2-Clause
// VMCS shadowing for L1 (SDM 3C 25.10 "VMCS Types: Ordinary and Shadow"): which fields L1 reads and writes without an exit.
#pragma once

#include <stdbool.h>

#include "cpu.h"

// Gives L1 the shadow VMCS in VMCS01, or none. The control stays on: by a link pointer that is not valid VMREAD and VMWRITE are VMfailInvalid, as they are for
// a hypervisor without a current VMCS (SDM 3C 31.3 "VMX Instructions").
void shadow_set(struct cpu *cpu, bool on);

// L1 enters VMX operation, or leaves it: where VMREAD is #UD there is no shadowing.
void shadow_vmx(struct cpu *cpu, bool on);
