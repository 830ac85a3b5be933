// SPDX-License-Identifier: BSD-2-Clause
// Decoy: the page that an L2 and its hypervisor see where an L1-physical address isn't in EPT01: all ones, nobody's data.
#pragma once

#include <caps/addr.h>

hpa_t decoy_page(void);

// All ones again: what an L2 wrote there vanishes.
void decoy_refill(void);
