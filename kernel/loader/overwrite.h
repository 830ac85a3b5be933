// SPDX-License-Identifier: BSD-2-Clause
// Has the firmware write over all memory at the machine's next boot, where it offers that: secrets that a reset leaves in RAM which nobody below the system sees coming
// (a button, a watchdog, a register in memory) are gone before anything else is started then, also after RAM was without power for a moment.
// TCG PC Client Platform Reset Attack Mitigation Specification 4 "Interface for UEFI"; the lock is Microsoft's "Secure MOR": L1 can't take the request back until that reset.
#pragma once

#include "load.h"

// Asks for it where a partition may hold secrets, before there are any. A line on the console where the firmware offers it.
void overwrite_request(const struct load *load);
