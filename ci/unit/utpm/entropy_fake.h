// SPDX-License-Identifier: BSD-2-Clause
// Entropy that is the same in every run.
#pragma once

#include <stdbool.h>
#include <stdint.h>

extern bool entropy_missing;
extern uint32_t entropy_calls;
