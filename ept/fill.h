// SPDX-License-Identifier: BSD-2-Clause
// Filling EPT02 from EPT12.
#pragma once

#include <caps/msg.h>
#include <caps/status.h>

#include <rt/walk12.h>

// Maps the page that walk found at address, and its neighbours in the same EPT12 table, in the tree of the request's tag; makes and
// binds the tree if need be, and room if the kernel has none. Between tree_settle() and tree_leave(); what was mapped is mapped when it returns.
//   walk: ended in a leaf
// BAD_ADDRESS: EPT01 does not map the page. BUSY: again, later. Nothing was mapped then.
NODISCARD enum status fill(const struct request *req, struct reply *rep, gpa2_t address, const struct walk12 *walk);

// The same of what nearly every violation is about: a 4 KiB page in a tree that is there, where none was mapped. The mappings are in the reply, which
// resumes L2; it has left (tree_leave_in_reply()). false: nothing is done, fill() decides.
bool fill_quick(const struct request *req, struct reply *rep, gpa2_t address, const struct walk12 *walk);
