// SPDX-License-Identifier: BSD-2-Clause
// NMIs for an L2 whose L1 doesn't take NMI exits: L0 takes them (NMI exiting is always on in VMCS02) and gives them to L2.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "message.h"
#include "vmcs12.h"

// Whether interruption information names an NMI.
bool event_is_nmi(uint64_t info);

// An NMI that doesn't exit to L1: injected into L2 now, or when its NMI window opens; or kept for L1.
void event_nmi_to_l2(struct message *m, struct vmcs12 *v);

// L2's NMI window is open; true: it was L0's own wait for it, and the NMI is on its way.
bool event_nmi_window(struct message *m, struct vmcs12 *v);

// L1 goes on while an NMI is still waiting: it is L1's now.
void event_pending_to_l1(struct message *m);

// With NMI exiting and without virtual NMIs L2's interruptibility has the CPU's own blocking by NMI. Nothing in L2 changes it: neither IRET (SDM 3C 26.3
// "Changes to Instruction Behavior in VMX Non-Root Operation") nor an NMI that is injected. In VMCS02 it would mean virtual NMIs, and isn't set there.
bool event_blocks_really(const struct vmcs12 *v);

// An exception that L2 is to get although L0 saw it: as it was.
void event_reflect(struct message *m);
