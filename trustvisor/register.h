// SPDX-License-Identifier: BSD-2-Clause
// Registration and its opposite.
#pragma once

#include <caps/msg.h>
#include <trustvisor/abi.h>

#include "caller.h"
#include "pal.h"

// What besides enum tv_result a program is told.
enum register_error {
    REGISTER_NO_ROOM = 5,  // too many PALs
    REGISTER_BUSY = 6,     // a page is another PAL's, or the same page twice; unregistering: the PAL runs
};

// The result for the program; and the change of the PAL's state that is to be committed with it, if there is one.
struct registered { uint32_t result; struct pal *pal; enum pal_state from, to; };

// Whether a program of that word size may have a section there; its type is not looked at.
bool section_valid(const struct tv_section *section, uint32_t word);

// rep: of the message; its list of operations is used.
struct registered register_pal(const struct request *req, struct reply *rep, struct caller *caller, uint64_t sections, uint64_t params, uint64_t entry);
struct registered unregister_pal(const struct request *req, const struct caller *caller, uint64_t entry);
