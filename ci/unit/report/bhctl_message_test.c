// SPDX-License-Identifier: BSD-2-Clause
// bhctl trace --fields: what travelled with messages, as long as it is there; other messages', secrets, and slots that are filled anew while they are read.

#include <stdlib.h>
#include <string.h>

#include "../../../partitions/report/bhctl/command.h"
#include "check.h"

#define CPUS 2

static struct { struct records records; struct records_cpu cpu[CPUS]; union request_slot ring[2][CPUS][RING_SLOTS]; } region;
static void (*when_read)(uint64_t offset);  // what the kernel does meanwhile

static bool line_of_region(uint64_t offset, uint64_t line[REPORT_LINE / sizeof(uint64_t)])
{
    if (offset >= sizeof(region))
        return false;
    memcpy(line, (const uint8_t *)&region + offset, REPORT_LINE);
    if (when_read)
        when_read(offset);
    return true;
}

static struct records_machine machine;
static struct wanted wanted;
static char *written;
static const char *wrong;

static void start(uint64_t channels)
{
    memset(&region, 0, sizeof(region));
    when_read = NULL;
    region_line = line_of_region;
    region.records.machine = (struct records_machine){ .magic = RECORDS_MAGIC, .abi = CAP_ABI, .bytes = sizeof(region), .cpu_count = CPUS, .partition_count = 2,
                                                       .partition = { { "nestvmx", PARTITION_READY, 0 }, { "report", PARTITION_READY, 0 } }, .channels = { channels } };
}

// The last count events of CPU 1, as the words say.
static void trace(int count, char *const *word)
{
    char why[REGION_WHY];
    size_t bytes;
    CHECK(region_machine(&machine, why) == NULL && wanted_parse(&wanted, &machine, count, word, why) == NULL);
    free(written);
    FILE *out = open_memstream(&written, &bytes);
    wrong = command_trace(out, &machine, &wanted, why);
    fclose(out);
}
#define TRACE(...) trace((int)(sizeof((char *[]){ __VA_ARGS__ }) / sizeof(char *)), (char *[]){ __VA_ARGS__ })

// An exit of L2's as a message to nestvmx on CPU 1, in its slot.
static struct request *message_add(uint32_t sequence, uint8_t reason)
{
    struct event_ring *ring = &region.cpu[1].events;
    struct request *request = &region.ring[0][1][ring_slot(sequence)].request;
    ring->slot[ring->next++ % EVENT_SLOTS] = (struct event){ .tsc = sequence, .rip = 0x1000, .reason = reason, .sequence = (uint8_t)sequence, .kind = EVENT_EXIT,
                                                             .level = ORIGIN_L2, .partition = 1, .end = EVENT_END(ORIGIN_L1, 7) };
    *request = (struct request){ .sequence = sequence, .kind = MSG_EXIT, .origin = ORIGIN_L2, .reason = reason, .groups = GROUP_GPR | GROUPS_RIP,
                                 .groups_shadow = GROUP_EFER, .gpr = { 0xa, 0xc } };
    request->field[0][VMCS_GUEST_RIP] = 0x1000 + sequence;
    request->field[0][VMCS_GUEST_CR3] = 0xbad;  // didn't travel
    request->field[1][VMCS_GUEST_EFER] = 0x500;
    return request;
}

static uint64_t when_offset;
static void slot_filled_anew(uint64_t offset)
{
    if (offset >= when_offset)
        region.ring[0][1][ring_slot(300)].request.sequence = 304;
}

TEST(a_messages_fields_are_shown_as_long_as_they_are_there)
{
    start(0x1d100000);
    for (uint32_t sequence = 296; sequence <= 300; sequence++)
        message_add(sequence, EXIT_CPUID);
    TRACE("-n", "5", "--fields", "--cpu", "1");
    CHECK(strstr(written, "           296 CPU1 L2->L1 CPUID rip=0x1000 nestvmx 7 instr\n               its fields were overwritten before they could be read\n"));
    CHECK(strstr(written, "           300 CPU1 L2->L1 CPUID rip=0x1000 nestvmx 7 instr\n               rax=0xa rcx=0xc rdx=0x0 rbx=0x0\n               cr2=0x0 "));
    CHECK(strstr(written, " GUEST_RIP=0x112c ") || strstr(written, "GUEST_RIP=0x112c\n"));
    CHECK(strstr(written, "SHADOW.GUEST_EFER=0x500\n") && !strstr(written, "bad"));
    TRACE("-n", "1", "--fields", "--json", "--cpu", "1");
    CHECK(strstr(written, "\"ticks\": 7, \"data\": \"whole\", \"fields\": {\"rax\": \"0xa\", \"rcx\": \"0xc\", "));
    CHECK(strstr(written, "\"SHADOW.GUEST_EFER\": \"0x500\"}}\n"));
    TRACE("-n", "1", "--cpu", "1");
    CHECK(strstr(written, "7 instr\n") && !strstr(written, "rax"));
}

TEST(a_slot_that_is_filled_anew_while_it_is_read_is_not_shown)
{
    for (unsigned line = 0; line < 12; line++) {
        start(0x1d100000);
        message_add(300, EXIT_CPUID);
        when_offset = region_ring(&region.records.machine, 0, 1) + ring_slot(300) * sizeof(union request_slot) + line * REPORT_LINE;
        when_read = slot_filled_anew;
        TRACE("-n", "1", "--fields", "--cpu", "1");
        CHECK(strstr(written, "overwritten before they could be read") && !strstr(written, "rax"));
    }
}

TEST(fields_of_another_message_or_of_a_secret_are_not_shown)
{
    for (unsigned wrong_one = 0; wrong_one < 7; wrong_one++) {
        start(wrong_one == 0 ? 0 : 0x1d100000);
        struct request *request = message_add(300, EXIT_CPUID);
        struct event *event = &region.cpu[1].events.slot[0];
        switch (wrong_one) {
        case 1: request->sequence = 301; break;
        case 2: request->origin = ORIGIN_L1; break;
        case 3: request->reason = EXIT_HLT; break;
        case 4: event->level = ORIGIN_PAL, request->origin = ORIGIN_PAL; break;
        case 5: event->kind = EVENT_MESSAGE, event->qualification = 300 - 256; break;
        case 6: request->sequence = 0; event->sequence = 0; break;
        }
        TRACE("-n", "1", "--fields", "--cpu", "1");
        CHECK(wrong == NULL && !strstr(written, "rax"));
        CHECK(strstr(written, wrong_one == 0 || wrong_one == 4 ? "are not shown: PALs' secrets" : "were overwritten"));
    }
    start(0x1d100000);  // one that is still being handled: nothing is known
    message_add(300, EXIT_CPUID);
    region.cpu[1].events.slot[0].end = 0;
    TRACE("-n", "1", "--fields", "--cpu", "1");
    CHECK(!strstr(written, "rax") && !strstr(written, "fields"));
}
