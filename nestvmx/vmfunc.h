// SPDX-License-Identifier: BSD-2-Clause
// VM functions (SDM 3C 26.5.6 "VM Functions"): VMFUNC by an L2. VMCS02 enables none, so that each exits and is done here.
#pragma once

#include "message.h"
#include "vmcs12.h"

// EPTP switching, the only one that L1 is offered: bit in IA32_VMX_VMFUNC and in the VM-function controls.
#define VMFUNC_EPTP_SWITCHING 1ull

// Does it, or has L1 see the exit.
void vmfunc_execute(struct message *m, struct vmcs12 *v);
