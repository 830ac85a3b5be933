// SPDX-License-Identifier: BSD-2-Clause
// What the partitions of a workload may do together: whom each calls, and that there are VMCS02s and EPT02 roots for all.
#pragma once

#include "../boot_info.h"

// Resolves the calls in the headers of so many checked images to indexes. Returns NULL, or what is wrong with the one at *which.
const char *authority_settle(struct boot_partition *partition, uint32_t count, uint32_t *which);

// Whether those of the mask may come and go while L1 runs, and one partition is there that loads them (RIGHT_LOAD), which is there only for that. Returns as above.
const char *authority_loadable(const struct boot_partition *partition, uint32_t count, uint32_t loadable, uint32_t *which);

// Finds the debugger, the one with RIGHT_DEBUG: there where a partition is to be debugged, and only then. debugged: that one's index + 1, or 0; secrets: even
// if it may hold some. Returns as above.
const char *authority_debugger(const struct boot_partition *partition, uint32_t count, uint32_t debugged, bool secrets, uint32_t *debugger, uint32_t *which);
