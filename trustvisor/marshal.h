// SPDX-License-Identifier: BSD-2-Clause
// Parameters into a PAL and what its pointers point to out of it again.
//
// What pointers point to is copied into the first PARAM section, from its 17th byte on: u64 count; then for each parameter, the last one first: u64 type, u64
// bytes, u64 value as the program gave it, and a pointer's data. The PAL gets the copy's address.
#pragma once

#include "caller.h"
#include "pal.h"

enum marshal {
    MARSHAL_OK,
    MARSHAL_FAULT,    // the program's page isn't there: caller->fault, caller->fault_error
    MARSHAL_EPT12,    // an L2's page isn't there by its hypervisor's tables: caller_by_ept12()
    MARSHAL_RETURN,   // where the program wants to go on is no address
    MARSHAL_REFUSED,  // it can't be done at all
};

// Of a call whose registers are in pal->call: fills the rest of pal->call, and the registers (gpr, *rsp) that the PAL begins with.
enum marshal marshal_in(struct pal *pal, struct caller *caller, uint64_t gpr[GPR_COUNT], uint64_t *rsp);

// Copies what pointers point to back, the last parameter first.
enum marshal marshal_out(const struct pal *pal, struct caller *caller);
