// SPDX-License-Identifier: BSD-2-Clause
// bhctl inject: what its words mean, and wrong ones; what it says of Bulkhead's answers.

#include <string.h>

#include <caps/inject.h>
#include <caps/status.h>

#include "../../../partitions/report/bhctl/inject.h"
#include "check.h"

static struct records_machine machine = { .partition_count = 2, .partition = { { "nestvmx", PARTITION_READY, 0 }, { "report", PARTITION_READY, 0 } } };
static char why[REGION_WHY];
static struct fault fault;
#define FAULT(...) fault_parse(&fault, &machine, sizeof((char *[]){ __VA_ARGS__ }) / sizeof(char *), (char *[]){ __VA_ARGS__ }, why)

TEST(a_fault_in_words)
{
    CHECK(FAULT("report", "--at", "4294967295", "--kind", "bad-reply") == NULL);
    CHECK(fault.partition == 1 && fault.number == UINT32_MAX && fault.kind == INJECT_BAD_REPLY && fault.instruction == 0);
    CHECK(FAULT("nestvmx", "--instruction", "7", "--kind", "hang", "--at", "1") == NULL);
    CHECK(fault.partition == 0 && fault.number == 1 && fault.kind == INJECT_HANG && fault.instruction == 7);
    static char *const bad[][5] = { { "nobody", "--at", "1", "--kind", "ud" }, { "", "--at", "1", "--kind", "ud" }, { "nestvmx", "--at", "0", "--kind", "ud" },
        { "nestvmx", "--at", "-1", "--kind", "ud" }, { "nestvmx", "--at", "4294967296", "--kind", "ud" }, { "nestvmx", "--at", "99999999999999999999999", "--kind", "ud" },
        { "nestvmx", "--at", "", "--kind", "ud" }, { "nestvmx", "--at", "1 ", "--kind", "ud" }, { "nestvmx", "--at", "1", "--kind", "ud-twice" },
        { "nestvmx", "--at", "1", "--kind", "kernel-pf" }, { "nestvmx", "--at", "1", "--kind", "" }, { "nestvmx", "--at", "1", "--instruction", "x" },
        { "nestvmx", "--at", "1", "--at", "2" }, { "nestvmx", "--kind", "ud", "--kind", "ud" } };
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK(fault_parse(&fault, &machine, 5, (char **)bad[i], why) != NULL);
    CHECK(fault_parse(&fault, &machine, 0, NULL, why) != NULL);
    CHECK(FAULT("nestvmx") && FAULT("nestvmx", "--at") && FAULT("nestvmx", "--at", "1", "--kind") && FAULT("--at", "1"));
}

TEST(why_a_fault_is_refused)
{
    machine.injectable = 2;
    fault = (struct fault){ .partition = 1, .kind = INJECT_HANG, .number = 1 };
    CHECK(fault_refused(&fault, &machine, STATUS_OK, why) == NULL);
    CHECK(strstr(fault_refused(&fault, &machine, STATUS_BUSY, why), "still to come in report"));
    CHECK(strstr(fault_refused(&fault, &machine, STATUS_UNSUPPORTED, why), "nobody would end a hang"));
    fault.kind = INJECT_UD;
    CHECK(strstr(fault_refused(&fault, &machine, STATUS_UNSUPPORTED, why), "refuses it: status"));
    CHECK(strstr(fault_refused(&fault, &machine, ~0ull, why), "refuses it: status 18446744073709551615"));
    fault.partition = 0;
    CHECK(strstr(fault_refused(&fault, &machine, STATUS_UNSUPPORTED, why), "does not name it as injectable"));
}
