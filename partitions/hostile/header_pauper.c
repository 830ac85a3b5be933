// SPDX-License-Identifier: BSD-2-Clause
// pauper: the same program with next to no rights.

#include <caps/hypercall.h>
#include <rt/partition.h>

#define SEES (GROUPS_EXIT | GROUPS_RIP | GROUP_GPR)

const struct partition_header header PARTITION_SECTION = {
    PARTITION("pauper"),
    .rights = RIGHT_WINDOW_READ,
    .vmcs[VMCS_KIND_01] = { .read = GROUPS_EXIT | GROUPS_RIP, .write = GROUPS_RIP },
    .calls = { "hostile" },
    .routes = { ROUTE_KEYS(L1, VMCALL, SEES, HYPERCALL_PAUPER_TRY, HYPERCALL_PAUPER_TRY) },
};
