// SPDX-License-Identifier: BSD-2-Clause
// Options of bhctl trace.

#include "wanted.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_DEFAULT 64u
#define LEVELS        3u

static const char *const level_name[LEVELS] = { "L1", "L2", "PAL" };

static bool number(const char *text, uint64_t most, uint64_t *value)
{
    char *end;
    errno = 0;
    *value = strtoull(text, &end, 10);
    return !errno && *end == '\0' && end != text && text[0] >= '0' && text[0] <= '9' && *value <= most;
}

static bool cpu_find(const struct records_machine *machine, const char *name, uint64_t *found)
{
    return number(name, machine->cpu_count - 1, found);
}

static bool level_find(const struct records_machine *machine, const char *name, uint64_t *found)
{
    (void)machine;
    for (*found = 0; *found < LEVELS; ++*found)
        if (strcmp(level_name[*found], name) == 0)
            return true;
    return false;
}

static bool reason_find(const struct records_machine *machine, const char *name, uint64_t *found)
{
    (void)machine;
    for (*found = 0; *found < EXIT_REASON_COUNT; ++*found) {
        const char *known = exit_reason_name((unsigned)*found);
        if (known && strcmp(known, name) == 0)
            return true;
    }
    return false;
}

static bool partition_find(const struct records_machine *machine, const char *name, uint64_t *found)
{
    for (*found = 0; *found < machine->partition_count; ++*found)
        if (strcmp(machine->partition[*found].name, name) == 0)
            return true;
    return false;
}

static const struct { const char *option, *what; bool (*find)(const struct records_machine *machine, const char *name, uint64_t *found); } set[] = {
    { "--cpu", "CPU", cpu_find }, { "--level", "level", level_find }, { "--reason", "exit reason", reason_find }, { "--partition", "partition", partition_find },
};

static void add(struct wanted *wanted, unsigned which, uint64_t found)
{
    switch (which) {
    case 0: wanted->cpus |= 1ull << found; break;
    case 1: wanted->levels |= 1u << found; break;
    case 2: wanted->by_reason = wanted->reason[found] = true; break;
    default: wanted->partitions |= 1u << found; break;
    }
}

static const char *parse_names(struct wanted *wanted, const struct records_machine *machine, unsigned which, const char *names, char why[REGION_WHY])
{
    while (true) {
        char name[32];
        const size_t length = strcspn(names, ",");
        uint64_t found;
        snprintf(name, sizeof(name), "%.*s", (int)(length < sizeof(name) ? length : sizeof(name)), names);
        if (length >= sizeof(name) || !set[which].find(machine, name, &found)) {
            snprintf(why, REGION_WHY, "there is no %s '%s'", set[which].what, name);
            return why;
        }
        add(wanted, which, found);
        if (names[length] == '\0')
            return NULL;
        names += length + 1;
    }
}

const char *wanted_parse(struct wanted *wanted, const struct records_machine *machine, int count, char *const *word, char why[REGION_WHY])
{
    *wanted = (struct wanted){ .count = COUNT_DEFAULT };
    for (int i = 0; i < count; i++) {
        unsigned which = 0;
        if (strcmp(word[i], "-f") == 0) {
            wanted->follow = true;
            continue;
        }
        if (strcmp(word[i], "--fields") == 0) {
            wanted->fields = true;
            continue;
        }
        if (strcmp(word[i], "--json") == 0) {
            wanted->json = true;
            continue;
        }
        while (which < sizeof(set) / sizeof(set[0]) && strcmp(set[which].option, word[i]) != 0)
            which++;
        const bool is_count = strcmp(word[i], "-n") == 0;
        if ((which == sizeof(set) / sizeof(set[0]) && !is_count) || i + 1 == count) {
            snprintf(why, REGION_WHY, "trace has no option '%.40s'%s", word[i], i + 1 == count ? ", or it needs a value" : "");
            return why;
        }
        const char *value = word[++i];
        uint64_t n;
        if (is_count && (!number(value, EVENT_SLOTS, &n) || n == 0)) {
            snprintf(why, REGION_WHY, "-n needs a number from 1 to %u", EVENT_SLOTS);
            return why;
        }
        if (is_count)
            wanted->count = (uint32_t)n;
        const char *wrong = is_count ? NULL : parse_names(wanted, machine, which, value, why);
        if (wrong)
            return wrong;
    }
    return NULL;
}

bool wanted_has(const struct wanted *wanted, uint32_t cpu, const struct event *event)
{
    if (event->kind == EVENT_DMA && (wanted->levels || wanted->by_reason))
        return false;  // it has neither
    return (!wanted->cpus || (wanted->cpus >> cpu & 1)) && (!wanted->levels || (wanted->levels >> event->level & 1)) &&
           (!wanted->by_reason || (event->reason < EXIT_REASON_COUNT && wanted->reason[event->reason])) &&
           (!wanted->partitions || (event->partition && (wanted->partitions >> (event->partition - 1) & 1)));
}
