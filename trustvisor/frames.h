// SPDX-License-Identifier: BSD-2-Clause
// The frames of a PAL's sections: found in the program's address space, taken from L1, mapped in the PAL's tree. Of SHARED_CODE their contents: copied.
#pragma once

#include <caps/msg.h>
#include <caps/status.h>

#include "caller.h"
#include "pal.h"

// Of the sections from `first` on. false: a page of them isn't the program's to use as the PAL will.
bool frames_find(struct pal *pal, struct caller *caller, uint32_t first);
// All that are not taken yet, or an error: then some may be.
NODISCARD enum status frames_take(struct pal *pal, struct reply *rep);
// The tree, with everything in it.
NODISCARD enum status frames_create(struct pal *pal, struct reply *rep);
// The sections from `first` on, and the page tables from `table` on, in the tree that is there.
NODISCARD enum status frames_map(struct pal *pal, uint32_t first, uint32_t table, struct reply *rep);
// Pages first to end - 1, out of the tree.
NODISCARD enum status frames_unmap(const struct pal *pal, uint32_t first, uint32_t end, struct reply *rep);
