// SPDX-License-Identifier: BSD-2-Clause
// Judges crash records and puts them into lines.
#include "crash.h"

#include <stddef.h>

#include "clock.h"
#include "text.h"

#define LOG_LINES 8  // of the record's, to be shown

static bool sound(const struct crash_record *record)
{
    return record->magic == CRASH_MAGIC && record->bytes == sizeof(*record) && record->abi == CAP_ABI && record->checksum == crash_checksum(record) &&
           record->kind > CRASH_NONE && record->kind < CRASH_KINDS && record->backtrace_count <= CRASH_BACKTRACE &&
           record->event_count <= CRASH_EVENTS && record->line_count <= CRASH_LINES && record->message_cpus <= CPU_MAX;
}

const struct crash_record *crash_newest(const struct crash_area *area)
{
    const struct crash_record *newest = NULL;
    for (unsigned i = 0; i < CRASH_SLOTS; i++)
        if (sound(&area->slot[i]) && (!newest || (int32_t)(area->slot[i].generation - newest->generation) > 0))
            newest = &area->slot[i];
    return newest;
}

// As much of a text of at most so many characters as can be shown on a line.
static const char *shown(char text[RECORDS_TEXT + 1], const char *from, size_t most)
{
    size_t i = 0;
    for (; i < most && from[i] && from[i] != '\n'; i++)
        text[i] = from[i] >= ' ' && from[i] <= '~' ? from[i] : '.';
    text[i] = 0;
    return text;
}

static void headline(const struct crash_record *record, char text[CRASH_TEXT])
{
    char what[RECORDS_TEXT + 1];
    shown(what, record->text, sizeof(record->text));
    if (record->kind == CRASH_FAULT)
        text_format(text, CRASH_TEXT, "last run: partitions faulted %u times, the last one on CPU %u: %s", record->faults, record->cpu, what);
    else
        text_format(text, CRASH_TEXT, "last run: ended in a %s on CPU %u: %s", record->kind == CRASH_PANIC ? "panic" : "failed VM entry", record->cpu,
                    what);
}

static void particulars(const struct crash_record *record, char text[CRASH_TEXT])
{
    char workload[RECORDS_TEXT + 1], version[RECORDS_TEXT + 1], time[CLOCK_TEXT];
    clock_text(record->machine.boot_time, time);
    text_format(text, CRASH_TEXT, "last run: crash record %u, workload %s, version %s, begun %s", record->generation,
                shown(workload, record->machine.workload, sizeof(record->machine.workload)), shown(version, record->machine.version, sizeof(record->machine.version)), time);
}

static void backtrace(const struct crash_record *record, char text[CRASH_TEXT])
{
    char name[RECORDS_TEXT + 1];
    size_t used = text_format(text, CRASH_TEXT, "last run: backtrace in %s:",
                              record->kind == CRASH_FAULT ? shown(name, record->partition, sizeof(record->partition)) : "the kernel");
    for (unsigned i = 0; i < record->backtrace_count; i++)
        used += text_format(text + used, CRASH_TEXT - used, " %llx", (unsigned long long)record->backtrace[i]);
}

bool crash_line(const struct crash_record *record, unsigned index, char text[CRASH_TEXT])
{
    char line[RECORDS_TEXT + 1];
    const unsigned lines = record->line_count < LOG_LINES ? record->line_count : LOG_LINES;
    if (index >= 3 + lines)
        return false;
    switch (index) {
    case 0: headline(record, text); break;
    case 1: particulars(record, text); break;
    case 2: backtrace(record, text); break;
    default: text_format(text, CRASH_TEXT, "last run: %s", shown(line, record->line[record->line_count - lines + index - 3], RECORDS_TEXT)); break;
    }
    return true;
}
