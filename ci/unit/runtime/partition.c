// SPDX-License-Identifier: BSD-2-Clause
// A partition for tests of the runtime: it does what the test has put into subject_answer.

#include <rt/partition.h>

#include "subject.h"

const struct partition_header header PARTITION_SECTION = {
    PARTITION("subject"),
    .rights = RIGHT_LOG | RIGHT_MSR | RIGHT_WINDOW_READ | RIGHT_WINDOW_WRITE,
    .vmcs[VMCS_KIND_01] = { .read = GROUPS_EXIT | GROUPS_RIP | GROUP_BLOCKING | GROUPS_CR | GROUPS_PRIVILEGE,
                            .write = GROUPS_RIP | GROUP_BLOCKING | GROUP_PENDING | GROUP_EVENT | GROUP_EVENT_DATA | GROUP_CONTROLS | GROUPS_EXIT },
    .calls = { "other" },
    .routes = {
        ROUTE(L1, CPUID, GROUPS_EXIT | GROUPS_RIP | GROUP_GPR),
        ROUTE(L1, INVD, GROUPS_EXIT | GROUPS_RIP | GROUP_BLOCKING | GROUPS_PRIVILEGE | GROUP_PENDING),
        ROUTE_KEYS(L1, VMCALL, GROUP_GPR, 10, 20),
    },
};

void (*subject_answer)(const struct request *req, struct reply *rep);

void partition_message(const struct request *req, struct reply *rep)
{
    if (subject_answer)
        subject_answer(req, rep);
}
