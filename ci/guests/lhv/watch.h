// SPDX-License-Identifier: BSD-2-Clause
// Moments at which somebody outside looks at this machine's memory (ci/watch.py).
#pragma once

#include <stdint.h>

// With the option watched: says `lhv: watch A-B-C N: ADDRESS` and waits until the number N at that address is another.
void watch(uint64_t a, uint64_t b, uint64_t c);
