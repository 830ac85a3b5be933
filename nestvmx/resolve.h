// SPDX-License-Identifier: BSD-2-Clause
// Exits 20: does an exit of L2 belong to L1 (201), or does L0 resolve it (202)?
#pragma once

#include "message.h"

// Handles the exit of an L2.
void resolve_exit(struct message *m);

// The message before failed twice, and it was about an L2: that ends as a triple fault.
void resolve_kill(struct message *m);
