// SPDX-License-Identifier: BSD-2-Clause
// What VMCSs begin with: lists of fields and values, which the kernel writes as they are.
#pragma once

#include "launch_state.h"

// What every VMCS holds of L0: host state, and what a fresh region may not leave to chance.
void fields_host(struct boot_fields *list, const struct boot_info *info);

// A fresh VMCS02 but for what names its own pages, and host state: L0's controls, and nothing switched on.
void fields_vmcs02(struct boot_fields *list, const struct vmx_caps *caps);

// VMCS01 of a CPU: L0's controls, and L1 as the firmware left it, but for RIP, RSP and RFLAGS.
void fields_launch(struct boot_fields *list, const struct boot_info *info, const struct launch_state *launch);

// L1 after INIT (SDM 3A 10.1.1 "Processor State After Reset", column INIT), but CR0.
void fields_init(struct boot_fields *list, const struct vmx_caps *caps);
