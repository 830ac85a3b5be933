// SPDX-License-Identifier: BSD-2-Clause
// What the kernel's record of a fault says, for attempt.def and race.def.
#pragma once

#define BAD_CALL    ": no such system call or operation"
#define BAD_ARG     ": an argument is out of range"
#define DENIED      ": the capability table does not grant it"
#define NO_FIELD    ": no such VMCS field on this CPU"
#define BAD_ADDRESS ": EPT01 does not map the address"
#define BAD_STATE   ": the object is not in a state that allows it"
#define BUSY        ": another CPU holds the object"
#define UNSUPPORTED ": the CPU lacks the feature"
