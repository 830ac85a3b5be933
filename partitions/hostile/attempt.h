// SPDX-License-Identifier: BSD-2-Clause
// The attempts of attempt.def: their numbers, what must become of them, and what each gets.
#pragma once

#include <stdint.h>

#include <caps/msg.h>
#include <caps/status.h>

#include "attempt_text.h"

// What the guest must see. 0 and above: the attempt comes to an end, with this value.
enum expect {
    EXPECT_FAULTS = -1,     // the partition faulted and was restarted
    EXPECT_UD = -2,         // so often that the hypercall ends in #UD
    EXPECT_NOTHING = -3,    // L1 goes on behind the hypercall with its registers as they were
    EXPECT_ANY = -4,        // it comes to an end, with any value
};

// Who tries.
enum { RICH = 1, POOR = 2, BOTH = 3, THIEF = 4 };

// How many there are in the tables behind the attempts of that name.
#define READ_TARGETS    32
#define WRITE_TARGETS   38
#define EXECUTE_TARGETS 17
#define RECORDS_PARTS   6
#define EPT_ARGUMENTS   21
#define TAKE_TARGETS    8

#define WINDOW_VALUE 0x1122334455667788ull  // in the guest's page
#define STATE_VALUE  0x5afe5afe5afe5afeull
#define SECRET_SEED  0x9e3779b97f4a7c15ull  // times (2 + parameter): what keep_secret keeps; a host that looks for it works that out for itself

// What RAX says after HYPERCALL_HOSTILE_TRY.
enum outcome { OUTCOME_ENDED = 1, OUTCOME_FAULTED = 2 };

enum attempt {
#define ATTEMPT(name, who, count, expect, text) TRY_##name,
#define BATCH(name, who, count, invoked, expect, text) TRY_##name##_invoked, TRY_##name##_replied,
#define ANSWER(name, who, count, expect, text) TRY_##name,
#include "attempt.def"
#undef ATTEMPT
#undef BATCH
#undef ANSWER
    ATTEMPT_COUNT
};

enum instruction {
#define INSTRUCTION(name, ...) INSTRUCTION_##name,
#include "instruction.def"
#undef INSTRUCTION
    INSTRUCTION_COUNT
};
