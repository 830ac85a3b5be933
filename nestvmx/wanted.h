// SPDX-License-Identifier: BSD-2-Clause
// Which exits of L2 L1 asked for: VMCS12's controls (SDM 3C 26.1.3 "Instructions That Cause VM Exits Conditionally", 26.2 "Other Causes of VM
// Exits").
#pragma once

#include <stdbool.h>

#include "message.h"
#include "vmcs12.h"

// Whether an exception of L2's is (SDM 3C 25.6.3 "Exception Bitmap").
bool wanted_exception(const struct vmcs12 *v, unsigned vector, uint64_t error);

// Whether the exit in the message is one of VMCS12's.
bool wanted(const struct message *m, const struct vmcs12 *v);
