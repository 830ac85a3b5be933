// SPDX-License-Identifier: BSD-2-Clause
// Addresses that carry their space: mixing them does not compile.
#pragma once

#include <stdint.h>

typedef struct { uint64_t v; } hpa_t;   // host-physical
typedef struct { uint64_t v; } gpa1_t;  // L1-physical
typedef struct { uint64_t v; } gpa2_t;  // L2-physical
typedef struct { uint64_t v; } gva_t;   // guest-linear

#define PAGE_BITS   12
#define PAGE_BYTES  4096ull
#define PAGE_MASK   (~(PAGE_BYTES - 1))
#define LARGE_BYTES (1ull << 21)
#define HUGE_BYTES  (1ull << 30)
