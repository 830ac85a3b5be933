// SPDX-License-Identifier: BSD-2-Clause
// INVEPT of L1.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <caps/ept_call.h>
#include <caps/msg.h>

// Removes from the trees whatever EPT12 does not hold any more; what still holds stays mapped. All is done when it returns.
//   eptp12: with INVEPT_SINGLE, whose tables: only bits 51:12 count (SDM 3C 29.4.2 "Invalidating Guest-Physical Mappings")
void inval(struct reply *rep, enum invept_type type, uint64_t eptp12);

// The same for one EPTP12 that a tree is there for, with these attributes. false: there is none.
bool inval_known(struct reply *rep, uint64_t eptp12);

// Empties every tree and forgets about it, whatever the kernel holds.
void inval_reset(struct reply *rep);
