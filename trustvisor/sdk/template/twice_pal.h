// SPDX-License-Identifier: BSD-2-Clause
// The PAL: a function of integers and pointers.
#pragma once

#include <stdint.h>

uintptr_t twice_pal(uintptr_t number);
