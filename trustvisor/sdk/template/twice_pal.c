// SPDX-License-Identifier: BSD-2-Clause
// What runs isolated.
#include "twice_pal.h"

#include <trustvisor/pal.h>

PAL_CODE uintptr_t twice_pal(uintptr_t number) { return 2 * number; }
