// SPDX-License-Identifier: BSD-2-Clause
// VT-d units that don't do what they are told, as the loader and the kernel find out. What good ones do: suite dma.
#include "../check.h"

#include <setjmp.h>
#include <string.h>

#include "../../../kernel/vtd.h"

// Each look at a register that is to change lets the unit work.
#undef VTD_LOOKS
#define VTD_LOOKS looks_left()
static unsigned looks_left(void);
#include "../../../kernel/vtd.c"
#include "../../../kernel/loader/vtd.c"

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

void panic(const char *format, ...) { (void)format; longjmp(panicked, 1); }

static struct vtd_registers *unit(unsigned i) { return (struct vtd_registers *)page[i]; }
static uint64_t *iotlb(unsigned i) { return (uint64_t *)(page[i] + 0x508); }

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
    }
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
