// SPDX-License-Identifier: BSD-2-Clause
// What Bulkhead has counted on this CPU so far.
#pragma once

#include <stdint.h>

struct stats_sum { uint64_t exits, accesses; };  // VM exits; VMREADs and VMWRITEs

// All exits but those of the reading itself (I/O, and L1's CPUID); zeroes where no partition tells (`report`).
struct stats_sum stats_read(void);
