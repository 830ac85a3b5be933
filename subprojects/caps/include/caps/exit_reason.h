// SPDX-License-Identifier: BSD-2-Clause
// Basic exit reasons. Generated from exit_reason.def.
#pragma once

enum exit_reason {
#define EXIT(name, number, fault_like) EXIT_##name = number,
#include <caps/exit_reason.def>
#undef EXIT
    EXIT_REASON_COUNT = 70
};

#define EXIT_REASON_BASIC   0xffffu
#define EXIT_REASON_FAILED  (1u << 31)  // VM-entry failure (SDM 3C 25.9.1 "Basic VM-Exit Information")

// The basic reasons that come with EXIT_REASON_FAILED, and never without (SDM 3C 27.8 "VM-Entry Failures During or After Loading Guest State").
static inline _Bool exit_reason_failed(unsigned basic)
{
    return basic == EXIT_ENTRY_GUEST_STATE || basic == EXIT_ENTRY_MSR_LOAD || basic == EXIT_ENTRY_MACHINE_CHECK;
}

// The reason's name, for the log; NULL where the SDM defines none.
static inline const char *exit_reason_name(unsigned reason)
{
    static const char *const name[EXIT_REASON_COUNT] = {
#define EXIT(name, number, fault_like) [number] = #name,
#include <caps/exit_reason.def>
#undef EXIT
    };
    return reason < EXIT_REASON_COUNT ? name[reason] : 0;
}
