// SPDX-License-Identifier: BSD-2-Clause
// Exceptions into the level that the message came from: what an instruction there ends in. RIP stays at it. Where L1 wants an L2's exceptions itself
// (its exception bitmap) they are exits to L1.
#pragma once

#include <stdint.h>

#include "message.h"

void inject_ud(struct message *m);
void inject_gp(struct message *m);  // error code 0
void inject_ss(struct message *m);  // error code 0
void inject_pf(struct message *m, uint64_t linear, uint32_t error);  // the message carries GROUP_GPR
