// SPDX-License-Identifier: BSD-2-Clause
// Entries 102: L1's VMLAUNCH or VMRESUME, once the instruction's own checks have passed.
#pragma once

#include "message.h"
#include "vmcs12.h"

// Checks VMCS12, brings VMCS02 up to date and enters L2; or ends the instruction as the SDM says.
// The message carries L1's EFER, PAT and debug registers.
void entry_start(struct message *m, struct vmcs12 *v);

// The CPU refused VMCS02 (VMfail): so does L1's instruction.
void entry_refused(struct message *m);
