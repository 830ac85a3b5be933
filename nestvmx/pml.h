// SPDX-License-Identifier: BSD-2-Clause
// Page-modification logging of an L2's writes (SDM 3C 29.3.6 "Page-Modification Logging").
//
// VMCS02 has none. Who is about to set flags in EPT12 (`ept`, or a walk of L2's page tables) leaves that to here where L2's tag says so (EPTP12_LOGS); from
// another partition the exit is forwarded with EXIT_PML_FULL as its cause.
#pragma once

#include <stdint.h>

#include <caps/addr.h>

#include "message.h"
#include "vmcs12.h"

// An access of L2's for which EPT12 must be flagged first. What it makes dirty is logged, the flags are set, and L2 does it again; or, where the log is full,
// L2 exits to L1 with nothing done.
//   qualification: the access, and NMI unblocking, as an EPT violation's has them
void pml_access(struct message *m, struct vmcs12 *v, gpa2_t address, uint64_t qualification);
