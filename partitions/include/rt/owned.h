// SPDX-License-Identifier: BSD-2-Clause
// Pages that the partition has taken from L1 (OP_PAGE_TAKE), where it sees them.
#pragma once

#include <caps/addr.h>
#include <caps/layout.h>

// Any other page there is a fault of the partition.
static inline void *owned_at(gpa1_t address) { return (void *)(OWNED_BASE + address.v); }
