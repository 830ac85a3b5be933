// SPDX-License-Identifier: BSD-2-Clause
// What partitions may do together.
#include "../../../kernel/loader/authority.h"

#include <string.h>

#include "check.h"

static struct boot_partition partition[BOOT_PARTITIONS];

static void three(void)
{
    memset(partition, 0, sizeof(partition));
    strcpy(partition[0].header.name, "a");
    strcpy(partition[1].header.name, "b");
    strcpy(partition[2].header.name, "c");
    strcpy(partition[0].header.calls[1], "c");
    strcpy(partition[1].header.calls[0], "c");
    partition[0].header.vmcs02_count = VMCS02_MAX - 1;
    partition[2].header.vmcs02_count = 1;
    partition[1].header.root_count = ROOT_MAX;
}

static bool refused(uint32_t culprit, const char *expected)
{
    uint32_t which = ~0u;
    const char *wrong = authority_settle(partition, 3, &which);
    return wrong && which == culprit && strstr(wrong, expected);
}

TEST(calls_become_indexes)
{
    uint32_t which;
    three();
    CHECK(!authority_settle(partition, 3, &which));
    CHECK_EQ(partition[0].callee[1], 2);
    CHECK_EQ(partition[1].callee[0], 2);
    CHECK(!authority_settle(partition, 0, &which));
}

TEST(what_partitions_may_not_do_together_is_refused)
{
#define BAD(change, culprit, expected) do { three(); change; CHECK(refused(culprit, expected)); } while (0)
    BAD(strcpy(partition[2].header.name, "a"), 0, "isn't loaded");
    BAD((strcpy(partition[1].header.name, "a")), 1, "same name");
    BAD(strcpy(partition[0].header.calls[1], "d"), 0, "isn't loaded, or itself");
    BAD(strcpy(partition[0].header.calls[1], "a"), 0, "isn't loaded, or itself");
    BAD(strcpy(partition[0].header.calls[3], "b"), 0, "calls another one");
    BAD(partition[0].header.rights = partition[2].header.rights = RIGHT_PAL, 2, "takes pages");
    BAD(partition[1].header.vmcs02_count = 1, 2, "too many");
    BAD(partition[2].header.root_count = 1, 2, "too many");
#undef BAD
}

TEST(who_loads_does_so_because_the_configuration_says)
{
    uint32_t which;
    three();
    CHECK(!authority_settle(partition, 3, &which));
    CHECK(!authority_loadable(partition, 3, 0, &which));
    partition[0].header.rights = RIGHT_LOAD;
    partition[1].header.root_count = 0;
    CHECK(!authority_loadable(partition, 3, 2, &which));
    partition[1].header.root_count = 1;
    partition[1].header.rights = RIGHT_PAL;  // its trees go with its PALs
    CHECK(!authority_loadable(partition, 3, 2, &which));
#define BAD(change, loadable, culprit, expected) \
    do { \
        three(); \
        (void)authority_settle(partition, 3, &which); \
        partition[0].header.rights = RIGHT_LOAD; \
        partition[1].header.root_count = 0; \
        change; \
        const char *wrong = authority_loadable(partition, 3, loadable, &which); \
        CHECK(wrong && which == (culprit) && strstr(wrong, expected)); \
    } while (0)
    BAD((void)0, 0, 0, "no `loadable =`");
    BAD(partition[2].header.rights = RIGHT_LOAD, 2, 2, "another partition that loads");
    BAD((void)0, 4, 2, "another partition calls it");
    BAD(partition[0].header.rights = 0, 2, 1, "no partition is there that loads");
    BAD((void)0, 1, 0, "can't do without");
    BAD(partition[1].header.rights = RIGHT_L1_VMX, 2, 1, "can't do without");
    BAD(partition[1].header.rights = RIGHT_DEBUG, 2, 1, "can't do without");
    BAD(partition[1].header.root_count = 1, 2, 1, "EPT02 trees");
#undef BAD
}

TEST(who_debugs_does_so_because_the_configuration_says)
{
    uint32_t debugger, which;
    three();
    CHECK(!authority_debugger(partition, 3, 0, false, &debugger, &which));
    partition[0].header.rights = RIGHT_DEBUG;
    CHECK(!authority_debugger(partition, 3, 3, false, &debugger, &which));
    CHECK_EQ(debugger, 0);
    partition[2].header.rights = RIGHT_SECRETS | RIGHT_WINDOW_READ;
    CHECK(!authority_debugger(partition, 3, 3, true, &debugger, &which));
#define BAD(debugged, culprit, expected) \
    do { \
        const char *wrong = authority_debugger(partition, 3, debugged, false, &debugger, &which); \
        CHECK(wrong && which == (culprit) && strstr(wrong, expected)); \
    } while (0)
    BAD(3, 2, "secrets");
    BAD(0, 0, "no `debug =`");
    BAD(1, 0, "comes before");
    partition[0].header.rights = RIGHT_DEBUG | RIGHT_WINDOW_READ;
    BAD(2, 0, "its window");
    partition[0].header.rights = 0;
    BAD(2, 1, "comes before");
    partition[2].header.rights = RIGHT_DEBUG;
    BAD(2, 1, "comes before");
    partition[0].header.rights = RIGHT_DEBUG;
    BAD(2, 2, "another partition that debugs");
#undef BAD
}
