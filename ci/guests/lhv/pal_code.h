// SPDX-License-Identifier: BSD-2-Clause
// The PALs that lhv calls: those of the demo programs, and one that takes its time. They lie in two pages at most.
#pragma once

#include "../pal_demo/pal_functions.h"

// Counts to rounds in as many rounds: its result is three times that.
uintptr_t pal_spin(uintptr_t rounds);
