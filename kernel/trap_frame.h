// SPDX-License-Identifier: BSD-2-Clause
// Trap frame: the registers of what an exception or NMI in VMX root interrupted, as entry.S leaves them on the stack.
#pragma once

#include <stdint.h>

#include <caps/msg.h>

struct trap_frame {
    uint64_t gpr[GPR_COUNT];  // RSP's place is not used
    uint64_t vector, error;   // error: 0 where the exception has none
    uint64_t rip, cs, rflags, rsp, ss;
};
_Static_assert(sizeof(struct trap_frame) == 23 * 8, "entry.S and upcall.S know the layout");
