// SPDX-License-Identifier: BSD-2-Clause
// What a PAL is: the hash of its sections, in its PCR 0.
#pragma once

#include "pal.h"

// For each section in turn, PCR 0 is extended by SHA-256(u32 type || u64 start, unless it is STACK or PARAM || u64 bytes || contents). The PAL has its frames;
// uses vector registers.
void measure(struct pal *pal);
