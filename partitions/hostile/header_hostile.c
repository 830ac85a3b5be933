// SPDX-License-Identifier: BSD-2-Clause
// hostile: has every right, so that it is arguments and policies that must stop it.

#include <caps/hypercall.h>
#include <rt/partition.h>

#define SEES (GROUPS_EXIT | GROUPS_RIP | GROUP_GPR)
#define ALL  ((1ull << GROUP_COUNT) - 1)

const struct partition_header header PARTITION_SECTION = {
    PARTITION("hostile"),
    .rights = RIGHT_LOG | RIGHT_WINDOW_READ | RIGHT_WINDOW_WRITE | RIGHT_VMCS02 | RIGHT_L1_VMX | RIGHT_EPT02 | RIGHT_MSR |
              RIGHT_RECORDS | RIGHT_SECRETS | RIGHT_INJECT,
    .vmcs02_count = 2,
    .root_count = 1,
    .vmcs = { { ALL, ALL }, { ALL, ALL }, { ALL, ALL } },
    .routes = { ROUTE_KEYS(L1, VMCALL, SEES, HYPERCALL_HOSTILE_TRY, HYPERCALL_HOSTILE_NOTE) },
};
