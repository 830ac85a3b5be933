// SPDX-License-Identifier: BSD-2-Clause
// VMCS12s that use what L1 is offered, with the pages that belong to it.
#pragma once

#include <stdint.h>

#define OFFERS_PAGES 24u
extern const uint64_t offers_pages[OFFERS_PAGES];  // of all of them, and those that instructions work on

// On the current VMCS12, behind l1_start_again(): by bits of `which`.
void offers_make(uint32_t which);
