// SPDX-License-Identifier: BSD-2-Clause
// The CPU's vector state: a few bytes stand for all of it.
#pragma once

#include <stdint.h>

#define VECTOR_FAKE_BYTES 16
extern uint8_t vector_now[VECTOR_FAKE_BYTES];
