// SPDX-License-Identifier: BSD-2-Clause
// Filling EPT02 from EPT12.
#pragma once

#include <caps/msg.h>
#include <caps/status.h>

#include <rt/walk12.h>

// Maps the page that walk found at address, and its neighbours in the same EPT12 table, in the tree of the request's tag; makes and
// binds the tree if need be, and room if the kernel has none. Called with tree_lock held; what was mapped is mapped when it returns.
//   walk: ended in a leaf
// BAD_ADDRESS: EPT01 does not map the page. BUSY: again, later. Nothing was mapped then.
NODISCARD enum status fill(const struct request *req, struct reply *rep, gpa2_t address, const struct walk12 *walk);
