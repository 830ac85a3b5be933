// SPDX-License-Identifier: BSD-2-Clause
// What the partitions of a workload may do together: whom each calls, and that there are VMCS02s and EPT02 roots for all.
#pragma once

#include "../boot_info.h"

// Resolves the calls in the headers of so many checked images to indexes. Returns NULL, or what is wrong with the one at *which.
const char *authority_settle(struct boot_partition *partition, uint32_t count, uint32_t *which);
