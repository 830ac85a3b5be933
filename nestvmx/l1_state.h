// SPDX-License-Identifier: BSD-2-Clause
// L1's state at an exit to it: VMCS12's host state into VMCS01's guest state (SDM 3C 28.5 "Loading Host State").
#pragma once

#include <stdbool.h>

#include "field.h"
#include "message.h"
#include "vmcs12.h"

// Groups of VMCS01 that it may write. The read shadows stay: L0 masks just the bits of CR0 and CR4 that VMX operation fixes, which are 1 in
// L1's registers at the entry and in its host state (entry_check.def).
#define L1_STATE_GROUPS                                                                                               \
    (GROUPS_RIP | GROUPS_CR | GROUP_EFER | GROUP_PAT | GROUPS_PRIVILEGE | SEGMENT_GROUPS | GROUP_TABLES | GROUP_SYSENTER | \
     GROUP_DEBUG | GROUP_BLOCKING | GROUP_ACTIVITY | GROUP_PDPTE)

// L1 goes into VMX operation: nothing is known about its registers.
void l1_state_forget(void);

// The message of L1's VMLAUNCH or VMRESUME: what VMCS01 holds until the exit that comes.
void l1_state_note(const struct message *m);

// Puts it into the reply.
//   nmi_blocked: NMIs are blocked for L1;  loaded: the entry had loaded guest state, so that VMCS02 has EFER and PAT of then or of L2's
// false: it can't be loaded, and the exit ends there, in a VMX abort.
bool l1_state_load(struct message *m, const struct vmcs12 *v, bool nmi_blocked, bool loaded);

// A VMX abort (SDM 3C 28.7 "VMX Aborts"): the indicator goes to the VMCS12's region, L1's CPU into the shutdown state. After l1_state_load.
enum vmx_abort { ABORT_MSR_STORE = 1, ABORT_PDPTE = 2, ABORT_MSR_LOAD = 4 };
void l1_state_abort(struct message *m, const struct vmcs12 *v, enum vmx_abort indicator);
