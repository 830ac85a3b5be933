// SPDX-License-Identifier: BSD-2-Clause
// Crash records of the run before: what is taken for one, and what is said of it.
#include "../../../kernel/loader/crash.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../../kernel/loader/clock.h"
#include "check.h"
#include "noise.h"

static struct crash_area area;
static char text[CRASH_TEXT];

static void seal(struct crash_record *record) { record->checksum = crash_checksum(record); }

static struct crash_record *fill(unsigned slot, uint32_t generation, enum crash_kind kind)
{
    struct crash_record *record = &area.slot[slot];
    memset(record, 0, sizeof(*record));
    record->magic = CRASH_MAGIC;
    record->bytes = sizeof(*record);
    record->abi = CAP_ABI;
    record->generation = generation;
    record->kind = kind;
    record->cpu = 2;
    record->faults = 7;
    record->machine.boot_time = 1000000000;
    strcpy(record->machine.workload, "kvm");
    strcpy(record->machine.version, "0.1");
    strcpy(record->partition, "ept");
    strcpy(record->text, "what happened");
    record->backtrace_count = 2;
    record->backtrace[0] = 0x401000;
    record->backtrace[1] = 0x402abc;
    record->line_count = 10;
    for (unsigned i = 0; i < record->line_count; i++)
        snprintf(record->line[i], RECORDS_TEXT, "L0 0 info line %u\n", i);
    seal(record);
    return record;
}

static bool says(const struct crash_record *record, unsigned index, const char *expected)
{
    return crash_line(record, index, text) && !strcmp(text, expected);
}

TEST(memory_that_was_never_written_holds_no_record)
{
    memset(&area, 0, sizeof(area));
    CHECK(!crash_newest(&area));
    memset(&area, 0xff, sizeof(area));
    CHECK(!crash_newest(&area));
    uint32_t state = 3;
    for (size_t i = 0; i < sizeof(area); i++)
        ((uint8_t *)&area)[i] = (uint8_t)noise_next(&state);
    CHECK(!crash_newest(&area));
}

TEST(the_newer_of_two_records_counts)
{
    fill(0, 6, CRASH_PANIC);
    fill(1, 5, CRASH_FAULT);
    CHECK(crash_newest(&area) == &area.slot[0]);
    fill(1, 7, CRASH_FAULT);
    CHECK(crash_newest(&area) == &area.slot[1]);
    fill(0, 0, CRASH_PANIC);  // the number has wrapped
    fill(1, 0xffffffff, CRASH_PANIC);
    CHECK(crash_newest(&area) == &area.slot[0]);
}

TEST(a_record_that_was_cut_off_leaves_the_one_before)
{
    fill(0, 6, CRASH_PANIC);
    fill(1, 7, CRASH_PANIC)->magic = 0;
    CHECK(crash_newest(&area) == &area.slot[0]);
}

TEST(a_record_with_a_single_bit_changed_is_none)
{
    memset(&area, 0, sizeof(area));
    for (size_t bit = 0; bit < sizeof(struct crash_record) * 8; bit += bit < 1024 ? 1 : 61) {
        fill(0, 6, CRASH_PANIC);
        ((uint8_t *)&area.slot[0])[bit / 8] ^= (uint8_t)(1 << bit % 8);
        CHECK(!crash_newest(&area));
    }
}

TEST(counts_that_cannot_be_are_no_record_whatever_the_checksum)
{
    memset(&area, 0, sizeof(area));
#define BAD(change) do { struct crash_record *record = fill(0, 6, CRASH_PANIC); change; seal(record); CHECK(!crash_newest(&area)); } while (0)
    BAD(record->bytes--);
    BAD(record->abi++);
    BAD(record->kind = CRASH_NONE);
    BAD(record->kind = CRASH_KINDS);
    BAD(record->backtrace_count = CRASH_BACKTRACE + 1);
    BAD(record->event_count = CRASH_EVENTS + 1);
    BAD(record->line_count = CRASH_LINES + 1);
    BAD(record->message_cpus = CPU_MAX + 1);
#undef BAD
}

TEST(a_record_is_told_in_lines)
{
    const struct crash_record *record = fill(0, 6, CRASH_PANIC);
    CHECK(says(record, 0, "last run: ended in a panic on CPU 2: what happened"));
    CHECK(says(record, 1, "last run: crash record 6, workload kvm, version 0.1, begun 2001-09-09 01:46:40"));
    CHECK(says(record, 2, "last run: backtrace in the kernel: 401000 402abc"));
    CHECK(says(record, 3, "last run: L0 0 info line 2"));
    CHECK(says(record, 10, "last run: L0 0 info line 9"));
    CHECK(!crash_line(record, 11, text));
    record = fill(0, 6, CRASH_ENTRY);
    CHECK(says(record, 0, "last run: ended in a failed VM entry on CPU 2: what happened"));
    record = fill(0, 6, CRASH_FAULT);
    CHECK(says(record, 0, "last run: partitions faulted 7 times, the last one on CPU 2: what happened"));
    CHECK(says(record, 2, "last run: backtrace in ept: 401000 402abc"));
}

TEST(texts_without_end_and_odd_characters_stay_in_their_line)
{
    struct crash_record *record = fill(0, 6, CRASH_FAULT);
    memset(record->text, 'a', sizeof(record->text));
    memset(record->machine.workload, '\x1b', sizeof(record->machine.workload));
    memset(record->machine.version, 0xff, sizeof(record->machine.version));
    memset(record->partition, '\r', sizeof(record->partition));
    memset(record->line, 'b', sizeof(record->line));
    memset(record->backtrace, 0xff, sizeof(record->backtrace));
    record->backtrace_count = CRASH_BACKTRACE;
    for (unsigned i = 0; crash_line(record, i, text); i++) {
        CHECK(strlen(text) < CRASH_TEXT);
        for (const char *c = text; *c; c++)
            CHECK(*c >= ' ' && *c <= '~');
    }
}

TEST(dates_are_those_of_the_calendar)
{
    char date[CLOCK_TEXT];
    CHECK_EQ(clock_seconds(1970, 1, 1, 0, 0, 1), 1);
    CHECK_EQ(clock_seconds(2000, 2, 29, 12, 0, 0), 951825600);
    CHECK_EQ(clock_seconds(2026, 11, 21, 8, 15, 30), 1795248930);
    CHECK_EQ(clock_seconds(2026, 2, 29, 0, 0, 0), 0);
    CHECK_EQ(clock_seconds(2026, 13, 1, 0, 0, 0), 0);
    CHECK_EQ(clock_seconds(2026, 0, 1, 0, 0, 0), 0);
    CHECK_EQ(clock_seconds(2026, 1, 1, 24, 0, 0), 0);
    for (uint64_t seconds = 1; seconds < 7000000000; seconds += 3600 * 35 + 61) {
        unsigned year, month, day, hour, minute, second;
        clock_text(seconds, date);
        CHECK_EQ(sscanf(date, "%u-%u-%u %u:%u:%u", &year, &month, &day, &hour, &minute, &second), 6);
        CHECK_EQ(clock_seconds(year, month, day, hour, minute, second), seconds);
    }
    clock_text(0, date);
    CHECK(!strcmp(date, "at an unknown time"));
    clock_text(~0ull, date);
    CHECK(!strcmp(date, "at an unknown time"));
}
