// SPDX-License-Identifier: BSD-2-Clause
// bhctl trace: an event as a line of text and as JSON.
#include <stdlib.h>
#include <string.h>

#include "../../../partitions/report/bhctl/command.h"
#include "check.h"

// ci/tests/test_trace.py has the same lines.
static void is_printed(const struct event *event, bool json, const char *text)
{
    static const struct records_machine machine = { .partition_count = 2, .partition = { { .name = "nestvmx" }, { .name = "report" } } };
    char *written;
    size_t bytes;
    FILE *out = open_memstream(&written, &bytes);
    event_print(out, &machine, 1, event, json, MESSAGE_NONE, NULL);
    fclose(out);
    if (strcmp(written, text) != 0)
        printf("# %s", written);
    CHECK(strcmp(written, text) == 0);
    free(written);
}

TEST(an_event_in_words)
{
    static const struct { struct event event; const char *text; } row[] = {
        { { .tsc = 7, .rip = 0x1234, .head = EVENT_HEAD(EVENT_EXIT, ORIGIN_L2, EXIT_CPUID) }, "             7 CPU1 L2 CPUID rip=0x1234\n" },
        { { .tsc = 7, .rip = 0x1234, .qualification = 0x5003182, .head = EVENT_HEAD(EVENT_EXIT, ORIGIN_L2, EXIT_EPT_VIOLATION) | 0x11ull << 24 | (uint64_t)EVENT_END(ORIGIN_L1, 412) << 32 }, "             7 CPU1 L2->L1 EPT_VIOLATION gpa=0x5003000 rip=0x1234 qualification=0x182 nestvmx: no such system call or "
                                                "operation 412 instr\n" },
        { { .tsc = 7, .rip = 0x1234, .qualification = 3, .head = EVENT_HEAD(EVENT_EXIT, ORIGIN_L1, EXIT_ENTRY_GUEST_STATE) | (uint64_t)EVENT_END(ORIGIN_PAL, 0) << 32 }, "             7 CPU1 L1->PAL ENTRY_GUEST_STATE (failed entry) rip=0x1234 qualification=0x3\n" },
        { { .tsc = 7, .rip = 0x1234, .qualification = 17, .head = EVENT_HEAD(EVENT_MESSAGE, ORIGIN_L1, EXIT_VMRESUME) | 1ull << 24 | (uint64_t)EVENT_END(ORIGIN_L1, 99) << 32 }, "             7 CPU1 L1 message VMRESUME rip=0x1234 number=17 nestvmx 99 instr\n" },
        { { .tsc = 7, .rip = 0x1234, .qualification = 0x5003182, .head = EVENT_HEAD(EVENT_EXIT, ORIGIN_PAL, EXIT_EPT_VIOLATION) | (uint64_t)EVENT_END(ORIGIN_L1, 5) << 32 }, "             7 CPU1 PAL->L1 EPT_VIOLATION gpa=0x5003000 rip=0x1234 qualification=0x182 5 instr\n" },
        { { .tsc = 7, .head = EVENT_HEAD(EVENT_EXIT, ORIGIN_PAL, EXIT_EPT_VIOLATION) | 1ull << 24 | (uint64_t)EVENT_END(ORIGIN_L1, 9) << 32 }, "             7 CPU1 PAL->L1 EPT_VIOLATION nestvmx 9 instr\n" },
        { { .tsc = 7, .head = EVENT_HEAD(EVENT_FAULT, ORIGIN_PAL, EXIT_CPUID) }, "             7 CPU1 PAL fault CPUID rip=0x0\n" },
        { { .tsc = 7, .rip = 0x1000d000, .qualification = 0xc00000060000021bull, .head = EVENT_HEAD(EVENT_DMA, ORIGIN_L2, EXIT_CPUID) }, "             7 CPU1 dma 02:03.3 reads 0x1000d000, reason 0x6\n" },
        { { .tsc = 7, .rip = 0, .qualification = 0x800000050000ffffull, .head = EVENT_HEAD(EVENT_DMA, ORIGIN_L1, EXIT_CPUID) }, "             7 CPU1 dma ff:1f.7 writes 0x0, reason 0x5\n" },
    };
    for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++)
        is_printed(&row[i].event, false, row[i].text);
}

TEST(an_event_as_json)
{
    const struct event event = { .tsc = 7, .rip = 0x1234, .qualification = 1, .head = EVENT_HEAD(EVENT_EXIT, ORIGIN_L2, EXIT_CPUID) | 1ull << 24 | (uint64_t)EVENT_END(ORIGIN_L2, 5) << 32 };
    is_printed(&event, true, "{\"tsc\": 7, \"cpu\": 1, \"level\": \"L2\", \"kind\": \"exit\", \"reason\": \"CPUID\", \"failed\": false, \"rip\": \"0x1234\", "
                             "\"qualification\": \"0x1\", \"partition\": \"nestvmx\", \"status\": \"done\", \"to\": \"L2\", \"ticks\": 5, \"data\": \"\", \"fields\": {}}\n");
}

TEST(a_devices_request_as_json_has_no_level_and_no_exit_reason)
{
    const struct event event = { .tsc = 7, .rip = 0x1000d000, .qualification = 0xc00000060000021b, .head = EVENT_HEAD(EVENT_DMA, ORIGIN_L2, EXIT_ENTRY_GUEST_STATE) };
    is_printed(&event, true, "{\"tsc\": 7, \"cpu\": 1, \"kind\": \"dma\", \"rip\": \"0x1000d000\", \"qualification\": \"0xc00000060000021b\", \"partition\": \"\", "
                             "\"status\": \"\", \"to\": \"\", \"ticks\": 0, \"data\": \"\", \"fields\": {}}\n");
}
