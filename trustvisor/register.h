// SPDX-License-Identifier: BSD-2-Clause
// Registration and its opposite.
#pragma once

#include <caps/msg.h>
#include <trustvisor/abi.h>

#include "caller.h"

// What besides enum tv_result a program is told.
enum register_error {
    REGISTER_NO_ROOM = 5,  // too many PALs
    REGISTER_BUSY = 6,     // a page is another PAL's, or the same page twice; unregistering: the PAL runs
};

// The result for the program. rep: of the message; its list of operations is used, and empty afterwards.
uint32_t register_pal(const struct request *req, struct reply *rep, struct caller *caller, uint64_t sections, uint64_t params, uint64_t entry);
uint32_t unregister_pal(struct reply *rep, const struct caller *caller, uint64_t entry);
