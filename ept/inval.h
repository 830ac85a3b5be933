// SPDX-License-Identifier: BSD-2-Clause
// INVEPT of L1.
#pragma once

#include <stdint.h>

#include <caps/ept_call.h>
#include <caps/msg.h>

// Removes from the trees whatever EPT12 does not hold any more; what still holds stays mapped. All is done when it returns.
//   eptp12: with INVEPT_SINGLE, whose tables: only bits 51:12 count (SDM 3C 29.4.2 "Invalidating Guest-Physical Mappings")
void inval(struct reply *rep, enum invept_type type, uint64_t eptp12);

// Empties every tree and forgets about it, whatever the kernel holds.
void inval_reset(struct reply *rep);
