// SPDX-License-Identifier: BSD-2-Clause
// The shadow VMCS12 that an L2's VMREAD and VMWRITE go to, by VMCS12's link pointer (SDM 3C 25.10 "VMCS Types: Ordinary and Shadow").
//
// VMCS02 has no VMCS shadowing: each of these instructions exits, and is done here on the shadow VMCS12's copy.
#pragma once

#include <stdbool.h>

#include "message.h"
#include "vmcs12.h"

// Whether L2's VMREAD or VMWRITE is an exit to L1: without VMCS shadowing, by the bitmaps (SDM 3C 26.1.3 "Instructions That Cause VM Exits Conditionally").
bool link_wanted(const struct message *m, const struct vmcs12 *v);

// Does it, where it is none.
void link_access(struct message *m, struct vmcs12 *v);
