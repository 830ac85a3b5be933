// SPDX-License-Identifier: BSD-2-Clause
// Whose the CPU's vector registers are while a PAL has its turn there, or trustvisor works for it. Each step may be done twice: a message that was cut short
// comes again, with the registers as they were left.
#pragma once

#include "pal.h"

enum turn {
    TURN_NONE,   // the CPU's own
    TURN_SAVED,  // ours: the CPU's are in its area, and the PAL's in its
    TURN_PAL,    // the PAL's; the CPU's are in its area
};

// The registers become ours: the CPU's are kept.
void turn_borrow(struct pal *pal);
// They become the PAL's.
void turn_begin(struct pal *pal);
// The PAL's are kept, for us to work for it; turn_begin() again afterwards.
void turn_pause(struct pal *pal);
// They become the CPU's again, the PAL's are kept.
void turn_end(struct pal *pal);
