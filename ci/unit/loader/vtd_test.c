// SPDX-License-Identifier: BSD-2-Clause
// What a VT-d unit must be able to do, and the tables that it gets. What it does with them: suite dma.
#include "../../../kernel/loader/vtd.h"

#include <stdlib.h>
#include <string.h>

#include "check.h"

// As a CPU of some years ago has it: four levels, 2 MiB and 1 GiB, registers for its IOTLB at 0x500, drains; caches are not snooped.
#define GOOD_CAP  (4ull << 8 | 1ull << 34 | 1ull << 35 | 3ull << 5 | 3ull << 54)
#define GOOD_ECAP (0x50ull << 8)
#define QUEUE     (1ull << 1)
#define SCALABLE  (1ull << 43)
#define SECOND    (1ull << 46)

static struct vtd_registers unit;

static void start(void) { unit = (struct vtd_registers){ .version = 0x10, .capability = GOOD_CAP, .extended = GOOD_ECAP }; }

static void lacks(const char *text)
{
    const struct vtd_registers before = unit;
    const char *wrong = vtd_missing(&unit);
    CHECK(wrong && strstr(wrong, text));
    CHECK(memcmp(&before, &unit, sizeof(unit)) == 0);  // nothing is written
}

TEST(vtd_units_are_judged)
{
    start();
    CHECK(vtd_missing(&unit) == NULL);
    CHECK(vtd_huge(&unit) && !vtd_snoops(&unit) && vtd_iotlb(&unit) == 0x508);
    unit.capability &= ~(1ull << 35);
    unit.extended |= 1;
    CHECK(vtd_missing(&unit) == NULL && !vtd_huge(&unit) && vtd_snoops(&unit));
    start(), unit.version = 0, lacks("does not answer");
    memset(&unit, 0xff, sizeof(unit)), lacks("does not answer");
    start(), unit.version = 0x60, lacks("no way to be told");
    start(), unit.version = 0x5f;
    CHECK(vtd_missing(&unit) == NULL && !vtd_queues(&unit));
    start(), unit.version = 0x60, unit.extended |= QUEUE;
    CHECK(vtd_missing(&unit) == NULL && vtd_queues(&unit));
    start(), unit.extended |= SCALABLE, lacks("second stage");
    start(), unit.extended |= SCALABLE | SECOND;
    CHECK(vtd_missing(&unit) == NULL);
    start(), unit.capability &= ~(1ull << 54), lacks("under way");
    start(), unit.capability &= ~(1ull << 55), lacks("under way");
    start(), unit.capability = 2ull << 8 | 3ull << 34, lacks("four levels");
    start(), unit.capability &= ~(1ull << 34), lacks("2 MiB");
    start(), unit.capability |= 1ull << 4, lacks("every change");
    start(), unit.capability |= 1ull << 7, lacks("every change");
    start(), unit.status = 1u << 31, lacks("translation");
    start(), unit.status = 1u << 25, lacks("interrupt remapping");
    start(), unit.protected_enable = 1u << 31, lacks("protected memory");
    start(), unit.protected_enable = 1u << 31, unit.capability &= ~(3ull << 5);
    CHECK(vtd_missing(&unit) == NULL);  // it has no such register
    start(), unit.extended = 0x100ull << 8, lacks("several pages");
    start(), unit.extended = 0x100ull << 8 | QUEUE;
    CHECK(vtd_missing(&unit) == NULL);  // which isn't used
    start(), unit.extended = 0xffull << 8;
    CHECK(vtd_missing(&unit) == NULL && vtd_iotlb(&unit) == 0xff8);
}

TEST(vtd_tables_lead_every_device_to_ept01)
{
    uint8_t *pages = aligned_alloc(PAGE_BYTES, 4 * PAGE_BYTES);
    struct memory memory = { .base = (uintptr_t)pages, .bytes = 4 * PAGE_BYTES };
    const uint64_t ept01 = memory_take(&memory, PAGE_BYTES), root = vtd_tables(&memory, ept01);
    CHECK(root == (uintptr_t)pages + PAGE_BYTES);
    for (unsigned bus = 0; bus < 256; bus++) {
        const uint64_t *entry = (const uint64_t *)(uintptr_t)root + 2 * bus, *context = (const uint64_t *)(uintptr_t)(entry[0] & ~0xfffull);
        CHECK((entry[0] & 0xfff) == 1 && entry[1] == 0 && (uintptr_t)context == root + PAGE_BYTES);
        for (unsigned device = 0; device < 256; device++)
            CHECK(context[2 * device] == (ept01 | 1) && context[2 * device + 1] == (1 << 8 | 2));  // 48 bits, domain 1, nothing that is translated already
    }
    CHECK_EQ(vtd_tables(&memory, ept01), 0);  // one page is too little
    free(pages);
}

TEST(vtd_queues_say_the_same_everywhere)
{
    uint8_t *pages = aligned_alloc(PAGE_BYTES, 3 * PAGE_BYTES);
    struct memory memory = { .base = (uintptr_t)pages, .bytes = 3 * PAGE_BYTES };
    struct vtd_queue queue;
    CHECK(vtd_queue_make(&queue, &memory) && queue.base % PAGE_BYTES == 0);
    for (unsigned i = 0; i < 128; i++) {
        const uint64_t *pair = (const uint64_t *)(uintptr_t)queue.base + 4 * i;
        CHECK(pair[0] == 0xd2 && pair[1] == 0);             // IOTLB, all, drained
        CHECK((uint32_t)pair[2] == 0x25 && pair[2] >> 57 == 3);  // wait, and write what the register would say
        CHECK(pair[3] == (uintptr_t)queue.answer + 4);
    }
    CHECK(!vtd_queue_make(&queue, &memory) && queue.base == 0);  // there is one page left
    free(pages);
}

TEST(vtd_that_does_not_obey_is_given_up)
{
    const struct vtd_queue none = { 0, NULL };
    static _Alignas(4096) uint8_t page[4096];
    struct vtd_registers *dead = (struct vtd_registers *)page;
    *dead = (struct vtd_registers){ .version = 0x10, .capability = GOOD_CAP, .extended = GOOD_ECAP };
    CHECK(!vtd_prepare(dead, 0x1000, &none));
    CHECK(dead->command == 1u << 30 && dead->root == 0x1000);  // it knows the table, and is asked for no translation
}

TEST(vtd_records_are_on_the_page)
{
    static const struct { unsigned at, last, count; } row[] = {
        { 0x20, 0, 1 }, { 0x40, 7, 8 }, { 0x3ff, 255, 0 }, { 0xff, 0, 1 }, { 0xff, 1, 1 }, { 0x100, 0, 0 }, { 0x80, 255, 128 },
        { 0, 0, 0 }, { 1, 0, 0 }, { 9, 0, 0 },  // where other registers are
    };
    for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
        start();
        unit.capability |= (uint64_t)row[i].at << 24 | (uint64_t)row[i].last << 40;
        const struct vtd_faults faults = vtd_faults(&unit);
        CHECK(faults.count == row[i].count && (!faults.count || faults.offset == row[i].at * 16));
    }
}

TEST(vtd_leaves_say_what_the_unit_knows)
{
    start();
    CHECK_EQ(vtd_leaf(&unit), 0);
    unit.extended |= 1ull << 7;
    CHECK_EQ(vtd_leaf(&unit), 1ull << 11);
}
