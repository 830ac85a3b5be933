// SPDX-License-Identifier: BSD-2-Clause
// thief: the same program with the right to take L1's pages, as trustvisor has it; loaded instead of pauper.

#include <caps/hypercall.h>
#include <rt/partition.h>

#define SEES (GROUPS_EXIT | GROUPS_RIP | GROUP_GPR)

const struct partition_header header PARTITION_SECTION = {
    PARTITION("thief"),
    .rights = RIGHT_LOG | RIGHT_WINDOW_READ | RIGHT_VMCS02 | RIGHT_EPT02 | RIGHT_PAL,
    .vmcs02_count = 2,
    .root_count = 1,
    .vmcs = {
        [VMCS_KIND_01] = { .read = GROUPS_EXIT | GROUPS_RIP, .write = GROUPS_RIP },
        [VMCS_KIND_02] = { .read = GROUPS_EXIT | GROUPS_RIP, .write = GROUPS_RIP | GROUP_CONTROLS },
    },
    .routes = { ROUTE_KEYS(L1, VMCALL, SEES, HYPERCALL_PAUPER_TRY, HYPERCALL_PAUPER_TRY) },
};
