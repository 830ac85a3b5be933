// SPDX-License-Identifier: BSD-2-Clause
// The races of race.def: their numbers, and what stands for what is only known at run time.
#pragma once

#include <stdint.h>

#define RACE_OWN    (VMCS_HANDLE_02 + 0u)
#define RACE_SET    (SET_GPR(GPR_RAX) | SET_GPR(GPR_RBX) | SET_ADVANCE)
#define RACE_POISON 0x5a5a5a5aull
#define RACE_PAGE   0xfffffffffffff001ull
#define RACE_HIDDEN 0xfffffffffffff002ull
#define RACE_NEXT   0xfffffffffffff003ull  // a page of L2's after the other

#define RACE_WRITES 4000u  // of the other CPU in a message
#define RACE_ROUNDS 32u    // SYS_INVOKEs in a message, where none of them is a fault

// What a race that came to its end says: how often the kernel read each of the two, or what was wrong (bit 63).
#define RACE_ENDED(first, second) ((uint64_t)(first) | (uint64_t)(second) << 32)
#define RACE_FIRST(value)  ((uint32_t)(value))
#define RACE_SECOND(value) ((uint32_t)((value) >> 32))
#define RACE_WRONG (1ull << 63)

enum race {
#define RACE(name, ...) RACE_##name,
#include "race.def"
#undef RACE
    RACE_COUNT
};
