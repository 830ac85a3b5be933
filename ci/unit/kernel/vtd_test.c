// SPDX-License-Identifier: BSD-2-Clause
// VT-d units that don't do what they are told, as the loader and the kernel find out. What good ones do: suite dma.
#include "../check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "../../../kernel/vtd.h"

// Each look at a register that is to change lets the unit work.
#undef VTD_LOOKS
#define VTD_LOOKS looks_left()
static unsigned looks_left(void);
#include "../../../kernel/vtd.c"
#include "../../../kernel/loader/vtd.c"

#include "../../../kernel/cpu.h"

#define UNITS 2

static struct boot_info info;
const struct boot_info *boot_info = &info;
static _Alignas(4096) uint8_t page[UNITS][4096];
static uint64_t context_says, iotlb_says;  // which granularity they have done
static unsigned slow;                      // looks until then
static bool stuck;                         // no unit looks at its queue
static struct vtd_queue queue[UNITS];      // base 0: it goes by registers
static _Alignas(4096) uint8_t queue_pages[UNITS][2 * 4096];
static unsigned ordered;                   // descriptors that were executed, and what they were
static uint64_t order[16];
static jmp_buf panicked;

static struct records_own own;
struct records_own *records = &own;
static struct event told[16];
static unsigned told_count, lines;
static char line[RECORDS_TEXT];

struct event *event_new(struct cpu *cpu, enum event_kind kind, uint64_t qualification)
{
    (void)cpu;
    told[told_count % 16] = (struct event){ .head = EVENT_HEAD(kind, 0, 0), .qualification = qualification };
    return &told[told_count++ % 16];
}

void log_line(enum log_level level, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    vsnprintf(line, sizeof(line), format, list);
    va_end(list);
    lines += level == LOG_WARN;
}

void panic(const char *format, ...) { (void)format; longjmp(panicked, 1); }

static struct vtd_registers *unit(unsigned i) { return (struct vtd_registers *)page[i]; }
static uint64_t *iotlb(unsigned i) { return (uint64_t *)(page[i] + 0x508); }

#define RECORDS 4
static uint64_t *record(unsigned i, unsigned at) { return (uint64_t *)(page[i] + 0x400 + 16 * at); }

static void end(uint64_t *work, uint64_t says)
{
    if (*work >> 63)
        *work = (*work & ~(1ull << 63)) | says;
}

// As much of the queue as there is; an order of another kind than are known stops it for good (VT-d 6.5.2.10 "Invalidation Queue Errors").
static void work(unsigned i)
{
    while (!stuck && unit(i)->status >> 26 & 1 && unit(i)->queue_head != unit(i)->queue_tail) {
        const uint64_t *descriptor = (const uint64_t *)(uintptr_t)((unit(i)->queue & ~0xfffull) + unit(i)->queue_head);
        if ((descriptor[0] & 15) == 5)
            *(uint32_t *)(uintptr_t)descriptor[1] = (uint32_t)(descriptor[0] >> 32);
        else if ((descriptor[0] & 15) != 1 && (descriptor[0] & 15) != 2)
            return;
        order[ordered++ % 16] = descriptor[0];
        unit(i)->queue_head = (unit(i)->queue_head + 16) % 4096;
    }
}

static unsigned looks_left(void)
{
    for (unsigned i = 0; slow == 0 && i < UNITS; i++) {
        end((uint64_t *)(page[i] + offsetof(struct vtd_registers, context)), context_says);
        end(iotlb(i), i == UNITS - 1 ? iotlb_says : 1ull << 57);
        unit(i)->status = unit(i)->command;
        work(i);
    }
    slow -= slow > 0;
    return 100;
}

static void start(uint64_t context, uint64_t entries)
{
    context_says = context, iotlb_says = entries, slow = 3, stuck = false, ordered = 0;
    info.vtd_count = UNITS;
    for (unsigned i = 0; i < UNITS; i++) {
        *unit(i) = (struct vtd_registers){ .version = 0x10, .extended = 0x50ull << 8 };
        *iotlb(i) = 0;
        info.vtd[i] = (struct boot_vtd){ .command = &unit(i)->command, .answer = iotlb(i) };
        queue[i].base = 0;
        info.vtd[i].fault_status = &unit(i)->fault_status;
        info.vtd[i].fault = record(i, 0), info.vtd[i].faults = RECORDS;
        memset(page[i] + 0x400, 0, RECORDS * 16);
    }
    told_count = lines = 0;
    own.machine.dma_refused = 0;
}

static void refuse(unsigned i, unsigned at, uint64_t low, uint64_t high)
{
    record(i, at)[0] = low;
    record(i, at)[1] = high;
    unit(i)->fault_status = 2 | 1;
}

static void start_queues(void)
{
    start(0, 0);  // there are no registers that do anything
    for (unsigned i = 0; i < UNITS; i++) {
        struct memory memory = { .base = (uintptr_t)queue_pages[i], .bytes = sizeof(queue_pages[i]) };
        CHECK(vtd_queue_make(&queue[i], &memory));
        info.vtd[i].tail = (volatile uint32_t *)&unit(i)->queue_tail;
        info.vtd[i].answer = queue[i].answer;
    }
}

static bool prepares(unsigned i) { return vtd_prepare(unit(i), 0x1000, &queue[i]); }

static bool forgets(void)
{
    if (setjmp(panicked))
        return false;
    vtd_forget();
    return true;
}

TEST(units_that_obey)
{
    start(1ull << 59, 1ull << 57);
    CHECK(prepares(UNITS - 1));
    CHECK(vtd_start() && unit(0)->status >> 31 && unit(1)->status >> 31);
    CHECK(forgets());
    CHECK(*iotlb(0) << 8 >> 8 == (*iotlb(1) << 8 >> 8) && *iotlb(0) >> 48 & 3);
}

TEST(the_loader_takes_no_unit_that_refuses)
{
    start(0, 1ull << 57);
    CHECK(!prepares(UNITS - 1));
    start(1ull << 59, 0);
    CHECK(!prepares(UNITS - 1));
}

TEST(the_kernel_does_not_start_with_a_unit_that_refuses)
{
    start(1ull << 59, 0);
    CHECK(!vtd_start());  // and says so
    CHECK(!(unit(0)->command >> 31) && !(unit(1)->command >> 31));
}

TEST(nor_with_one_that_does_not_end)
{
    start(1ull << 59, 1ull << 57);
    slow = 1000;
    CHECK(!vtd_start() && !(unit(0)->command >> 31));
}

TEST(later_one_that_refuses_is_the_end)
{
    start(1ull << 59, 0);
    CHECK(!forgets());
}

TEST(later_one_that_does_not_end_is_too)
{
    start(1ull << 59, 1ull << 57);
    slow = 1000;
    CHECK(!forgets());
}

TEST(without_units_there_is_nothing_to_forget)
{
    start(1ull << 59, 0);
    info.vtd_count = 0;
    CHECK(forgets() && vtd_start() && *iotlb(0) == 0);
}

TEST(units_with_queues_obey)
{
    start_queues();
    CHECK(prepares(0) && prepares(1) && unit(0)->queue == queue[0].base);
    CHECK_EQ(ordered, 2 * 4);
    CHECK(order[0] == 0x11 && (order[1] & 15) == 5 && order[2] == 0xd2 && (order[3] & 15) == 5);  // contexts, then the IOTLB, each waited for
    CHECK(vtd_start() && unit(0)->status >> 31 && unit(0)->status >> 26 & 1);
    for (unsigned i = 0; i < 300; i++) {  // round the end of the queue, twice
        ordered = 0;
        slow = i % 3;
        CHECK(forgets());
        CHECK(ordered == 2 * UNITS && order[0] == 0xd2 && order[2] == 0xd2);
    }
    CHECK(*iotlb(0) == 0 && *iotlb(1) == 0 && unit(0)->context == 0);
    slow = 0;
    vtd_stop(unit(0));
    CHECK(!(unit(0)->status >> 31) && !(unit(0)->status >> 26 & 1));  // what is given back isn't read
}

TEST(a_queue_whose_head_never_moves)
{
    start_queues();
    stuck = true;
    CHECK(!prepares(0));
    start_queues();
    CHECK(prepares(0) && prepares(1));
    stuck = true;
    CHECK(!vtd_start() && !(unit(0)->command >> 31));
    CHECK(!forgets());
}

TEST(a_queue_that_a_unit_finds_wrong)
{
    start_queues();
    CHECK(prepares(0) && prepares(1) && vtd_start());
    *((uint64_t *)(uintptr_t)queue[1].base + 4 * 4) = 15;  // the next pair but one: no such descriptor
    CHECK(forgets());
    CHECK(!forgets());
}

TEST(a_unit_that_is_gone)
{
    start_queues();
    CHECK(prepares(0) && prepares(1) && vtd_start());
    stuck = true;
    memset(page, 0xff, sizeof(page));  // reads give ones, writes vanish: the tail says nothing
    CHECK(!forgets());
    start_queues();
    memset(page[0], 0xff, sizeof(page[0]));
    slow = 1000;
    CHECK(!prepares(0));
}

#define READ(reason, source)  (3ull << 62 | (uint64_t)(reason) << 32 | (source))
#define WRITE(reason, source) (1ull << 63 | (uint64_t)(reason) << 32 | (source))

TEST(what_was_refused_is_told)
{
    start(1ull << 59, 1ull << 57);
    vtd_look(NULL);
    CHECK(told_count == 0 && lines == 0);
    refuse(1, 2, 0x1d000fff, READ(6, 0x21b));
    refuse(0, 0, 0x1d001000, WRITE(5, 0xffff));
    vtd_look(NULL);
    CHECK(told_count == 2 && lines == 2 && own.machine.dma_refused == 2);
    CHECK(told[0].kind == EVENT_DMA && told[0].rip == 0x1d001000 && DMA_SOURCE(told[0].qualification) == 0xffff && !DMA_READS(told[0].qualification) && DMA_REASON(told[0].qualification) == 5);
    CHECK(told[1].kind == EVENT_DMA && told[1].rip == 0x1d000000 && DMA_SOURCE(told[1].qualification) == 0x21b && DMA_READS(told[1].qualification) && DMA_REASON(told[1].qualification) == 6);
    CHECK(strcmp(line, "hidden memory: device 02:03.3 reads 0x1d000000, reason 0x6 (2 accesses)") == 0);
    CHECK(record(1, 2)[1] == 1ull << 63 && unit(0)->fault_status == 3 && unit(1)->fault_status == 3);  // what clears them
}

// A record that doesn't go away is told once a look; more than there is room for is one too many, no index is believed.
TEST(a_unit_that_lies_about_its_records)
{
    start(1ull << 59, 1ull << 57);
    unit(0)->fault_status = 0xff << 8 | 3;  // the first one is number 255, it says, and there is none
    vtd_look(NULL);
    CHECK(told_count == 0);
    for (unsigned at = 0; at <= RECORDS; at++)
        refuse(0, at, 0x1000 * at, READ(6, at));
    vtd_look(NULL);
    CHECK(told_count == RECORDS && told[RECORDS - 1].rip == 0x1000 * (RECORDS - 1));
    CHECK(record(0, RECORDS)[1] == READ(6, RECORDS));
    refuse(0, 0, 0x5000, READ(6, 1));
    unit(0)->fault_status = 0xf0;  // nothing of the kind
    told_count = 0;
    vtd_look(NULL);
    CHECK_EQ(told_count, 0);
}

// More records than there is room for in the ring: the exit in whose name they are told keeps its event, and none is lost.
TEST(what_was_refused_beyond_a_ring_of_events_is_told_later)
{
    enum { MANY = EVENT_SLOTS, SHARE = EVENT_SLOTS / 2 / UNITS };
    static uint64_t records_of[UNITS][2 * MANY];
    start(1ull << 59, 1ull << 57);
    for (unsigned i = 0; i < UNITS; i++) {
        info.vtd[i].fault = records_of[i], info.vtd[i].faults = MANY;
        unit(i)->fault_status = 2 | 1;
        for (unsigned at = 0; at < MANY; at++)
            records_of[i][2 * at + 1] = READ(6, at);
    }
    for (unsigned looks = 1; looks <= MANY / SHARE; looks++) {
        vtd_look(NULL);
        CHECK(told_count == looks * UNITS * SHARE && own.machine.dma_refused == told_count);  // each unit has its share
        for (unsigned i = 0; i < UNITS; i++)
            for (unsigned at = 0; at < MANY; at++)
                if (records_of[i][2 * at + 1] == VTD_FAULT)  // was written there: the unit clears it
                    records_of[i][2 * at + 1] = 0;
    }
    vtd_look(NULL);
    CHECK_EQ(told_count, UNITS * MANY);
}

TEST(a_unit_that_is_gone_has_refused_nothing)
{
    start(1ull << 59, 1ull << 57);
    memset(page[0], 0xff, sizeof(page[0]));
    vtd_look(NULL);
    CHECK(told_count == 0 && lines == 0);
    info.vtd_count = 0;
    refuse(1, 0, 0, READ(6, 1));
    vtd_look(NULL);
    CHECK_EQ(told_count, 0);
}

TEST(old_records_are_nobodys)
{
    start(1ull << 59, 1ull << 57);
    unit(0)->capability = 0x40ull << 24 | (RECORDS - 1ull) << 40;
    unit(0)->fault_control = 0;
    CHECK(prepares(0));
    for (unsigned at = 0; at < RECORDS; at++)
        CHECK_EQ(record(0, at)[1], 1ull << 63);  // cleared by that
    CHECK(unit(0)->fault_control == 1u << 31 && unit(0)->fault_status == 3 && record(0, RECORDS)[1] == 0);
}
