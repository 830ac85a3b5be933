// SPDX-License-Identifier: BSD-2-Clause
// All that the partition ept may do.
#include <rt/partition.h>

#include "instruction.h"
#include "tree.h"

_Static_assert(TREES <= ROOT_MAX, "the kernel has that many roots");

const struct partition_header header PARTITION_SECTION = {
    PARTITION("ept"),
    .rights = RIGHT_EPT02 | RIGHT_WINDOW_READ | RIGHT_WINDOW_WRITE | RIGHT_LOG,
    .root_count = TREES,
    .vmcs[VMCS_KIND_01] = { .read = INSTRUCTION_GROUPS & ~GROUP_GPR, .write = GROUP_RIP },
    .vmcs[VMCS_KIND_02] = { .read = GROUP_QUALIFICATION | GROUP_ADDRESS },
    // Before nestvmx: what EPT02 lacks is nobody else's business until EPT12 lacks it too. Priority 0 are pages that were taken.
    .routes = {
        ROUTE_VMX(INVEPT, INSTRUCTION_GROUPS, 0),
        ROUTE_AFTER(L2, EPT_VIOLATION, GROUP_QUALIFICATION | GROUP_ADDRESS, 0, 1),
        ROUTE_AFTER(L2, EPT_MISCONFIG, GROUP_QUALIFICATION | GROUP_ADDRESS, 0, 1),
    },
};
