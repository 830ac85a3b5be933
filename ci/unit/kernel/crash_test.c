// SPDX-License-Identifier: BSD-2-Clause
// What is written down for others to read: events, and crash records, with nothing of a PAL's in them.
#include "../check.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "../../../kernel/crash.c"
#include "../../../kernel/event.c"

#define PALS 0x5ec2e7000ull

static struct boot_info info;
const struct boot_info *boot_info = &info;
static struct records_own own;
struct records_own *records = &own;
static struct cpu self;
struct cpu *cpu_table[CPU_MAX] = { &self };
uint32_t cpu_count = 1;

void log_line(enum log_level level, const char *format, ...) { (void)level, (void)format; }

unsigned log_format(char *text, unsigned bytes, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    const int count = vsnprintf(text, bytes, format, list);
    va_end(list);
    return (unsigned)count;
}

uint32_t cpu_index(void) { return 0; }
const uint64_t *space_peek(const struct space *space, uint64_t va) { return (void)space, (void)va, NULL; }
bool vmcs_try(struct cpu *cpu, hpa_t vmcs) { return (void)cpu, (void)vmcs, false; }
struct group_list group_list(uint64_t groups, bool exit) { return (void)groups, (void)exit, (struct group_list){ 0 }; }
void group_read_fields(uint64_t count, const struct group_field *end, uint64_t bank[VMCS_FIELD_COUNT]) { (void)count, (void)end, (void)bank; }
uint64_t fake_vmread(uint64_t encoding) { return (void)encoding, 0; }
void fake_vmwrite(uint64_t encoding, uint64_t value) { (void)encoding, (void)value; }
void *fake_frame(void) { return &self; }

static struct channel channel;
static struct partition partition = { .index = 3, .record = &own.machine.partition[3], .cpu[0].channel = &channel, .slot[0] = &partition.cpu[0] };

static void start(void)
{
    static struct crash_area there;
    memset(&self, 0, sizeof(self));
    memset(&own, 0, sizeof(own));
    memset(&there, 0, sizeof(there));
    area = &there;
    generation = 0;
    self.rip = PALS;
}

static const struct crash_record *crash(const struct partition *whose)
{
    const struct crash_scene scene = { .kind = CRASH_FAULT, .partition = whose, .rip = 0x401000 };
    crash_write(&scene, "a test");
    CHECK(area->slot[0].magic == CRASH_MAGIC && area->slot[0].checksum == crash_checksum(&area->slot[0]));
    return &area->slot[0];
}

TEST(a_record_tells_of_a_pals_exits_only_that_they_were)
{
    static const unsigned kinds[] = { EVENT_EXIT, EVENT_MESSAGE };
    start();
    for (unsigned i = 0; i < 2 * ORIGIN_COUNT; i++)
        self.records.events.slot[self.records.events.next++] = (struct event){ .tsc = i, .rip = PALS, .qualification = PALS + 1,
            .head = EVENT_HEAD(kinds[i % 2], i / 2, EXIT_EPT_VIOLATION) | (uint64_t)EVENT_END(ORIGIN_L1, 412) << 32 };
    const struct crash_record *record = crash(&partition);
    CHECK_EQ(record->event_count, 2 * ORIGIN_COUNT);
    for (unsigned i = 0; i < record->event_count; i++) {
        const bool pals = i / 2 == ORIGIN_PAL;
        CHECK_EQ(record->event[i].rip, pals ? 0 : PALS);
        CHECK_EQ(record->event[i].qualification, pals ? 0 : PALS + 1);
        CHECK_EQ(record->event[i].tsc, i);
        CHECK_EQ(record->event[i].head, self.records.events.slot[i].head);
    }
}

TEST(a_record_has_messages_only_of_whom_nothing_is_kept)
{
    for (unsigned open = 0; open < 2; open++) {
        start();
        own.machine.channels[3] = open ? 0x1000 : 0;
        partition.cpu[0].sequence = 1;
        channel.request[1].request = (struct request){ .sequence = 1, .kind = MSG_EXIT, .origin = ORIGIN_PAL, .gpr[GPR_RAX] = PALS };
        const struct crash_record *record = crash(&partition);
        CHECK_EQ(record->request.gpr[GPR_RAX], open ? PALS : 0);
        CHECK_EQ(record->request.sequence, open);
        CHECK_EQ(record->message_cpus, open);
    }
}

// Other CPUs read the ring meanwhile: of no event but a message RIP is there, even for a moment, and of none before it is whole.
TEST(only_a_message_has_the_exits_rip)
{
    static const unsigned kinds[] = { EVENT_MESSAGE, EVENT_REPLY, EVENT_FAULT, EVENT_NMI, EVENT_DMA };
    for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        start();
        self.level = ORIGIN_PAL;
        self.records.events.next = 5 * EVENT_SLOTS - 1;
        const struct event *event = event_new(&self, kinds[i], 7);
        CHECK(event == &self.records.events.slot[EVENT_SLOTS - 1]);
        CHECK_EQ(self.records.events.next, 5 * EVENT_SLOTS);
        CHECK_EQ(event->rip, kinds[i] == EVENT_MESSAGE ? PALS : 0);
        CHECK(event->kind == kinds[i] && event->level == ORIGIN_PAL && event->qualification == 7);
    }
}
