// SPDX-License-Identifier: BSD-2-Clause
// bhctl trace: the last events of each CPU, and what comes. Reading them makes new ones, by each of which the oldest is lost.

#include <string.h>
#include <time.h>

#include "command.h"

#define FOLLOW_NANOSECONDS 20000000L
#define AT_ONCE            32u  // events; two fill a line, but lie across its ends

// The partition by which bhctl reads: following, its own messages would be all that there is to see.
static uint32_t own(const struct records_machine *machine)
{
    for (uint32_t i = 0; i < machine->partition_count; i++)
        if (strcmp(machine->partition[i].name, "report") == 0)
            return i + 1;
    return 0;
}

static bool next_read(uint64_t ring, uint32_t *next) { return region_read(ring + offsetof(struct event_ring, next), next, sizeof(*next)); }

// Of each event how many later ones tell of messages to the same partition.
static void count_later(const struct event *first, const struct event *end, uint32_t later[EVENT_SLOTS])
{
    uint32_t count[16] = { 0 };  // by the partition's number in events
    for (const struct event *e = end; e-- > first;)
        later[e - first] = e->kind == EVENT_EXIT || e->kind == EVENT_MESSAGE ? count[e->partition]++ : 0;
}

// Of those before number next the last count; returns what went wrong. The oldest are the first to be overwritten: they are read last, and only as long as they can be
// there, so that of what was read the newest part is whole. Each line that is read makes an event: the fewer lines, the more is left of the others' events.
static const char *trace_cpu(FILE *out, const struct records_machine *machine, uint32_t cpu, uint32_t next, uint32_t count, const struct wanted *wanted)
{
    static struct event event[EVENT_SLOTS];  // the last ones that were read, at its end
    const uint64_t ring = region_cpu(cpu) + offsetof(struct records_cpu, events);
    const uint32_t reader = wanted->follow && !wanted->partitions ? own(machine) : 0;
    uint32_t have = 0, fresh = 0;  // fresh: so many more were written since: as many of the oldest are gone
    while (have < count && have + fresh < EVENT_SLOTS - 1) {
        const uint32_t before = (next - have - 1) % EVENT_SLOTS + 1;  // slots up to here from the ring's start
        const uint32_t left = count - have < before ? count - have : before, some = left < AT_ONCE ? left : AT_ONCE;
        uint32_t after;
        have += some;
        if (!region_read(ring + offsetof(struct event_ring, slot) + (before - some) * sizeof(*event), &event[EVENT_SLOTS - have], some * sizeof(*event)) ||
            !next_read(ring, &after))
            return "the events can't be read";
        fresh = after - next;
    }
    const uint32_t there = fresh < EVENT_SLOTS - 1 ? EVENT_SLOTS - 1 - fresh : 0, kept = have < there ? have : there;  // the oldest may be half overwritten
    if (kept < count)
        fprintf(wanted->json ? stderr : out, "(cpu%u: %u events were overwritten before they could be read)\n", cpu, count - kept);
    static uint32_t later[EVENT_SLOTS];
    struct request request;
    const struct event *const first = event + EVENT_SLOTS - kept;
    count_later(first, event + EVENT_SLOTS, later);
    for (const struct event *e = first; e < event + EVENT_SLOTS; e++)
        if (wanted_has(wanted, cpu, e) && !(reader && e->partition == reader))
            event_print(out, machine, cpu, e, wanted->json, wanted->fields ? message_read(machine, cpu, e, later[e - first], &request) : MESSAGE_NONE, &request);
    return NULL;
}

// What is there of a CPU; *seen is the number of the next event to show.
static const char *trace_new(FILE *out, const struct records_machine *machine, uint32_t cpu, const struct wanted *wanted, uint32_t *seen)
{
    uint32_t next;
    if (!next_read(region_cpu(cpu) + offsetof(struct records_cpu, events), &next))
        return "the events can't be read";
    const uint32_t fresh = next - *seen, count = fresh < EVENT_SLOTS ? fresh : EVENT_SLOTS;
    *seen = next;
    if (fresh > count)
        fprintf(wanted->json ? stderr : out, "(cpu%u: %u events were overwritten before they could be read)\n", cpu, fresh - count);
    return trace_cpu(out, machine, cpu, next, count, wanted);
}

const char *command_trace(FILE *out, const struct records_machine *machine, const struct wanted *wanted, char why[REGION_WHY])
{
    uint32_t seen[CPU_MAX];
    (void)why;
    for (uint32_t cpu = 0; cpu < machine->cpu_count; cpu++) {
        if (!next_read(region_cpu(cpu) + offsetof(struct records_cpu, events), &seen[cpu]))
            return "the events can't be read";
        const uint32_t count = wanted->count < seen[cpu] ? wanted->count : seen[cpu];
        const char *wrong = trace_cpu(out, machine, cpu, seen[cpu], count, wanted);
        if (wrong)
            return wrong;
    }
    while (wanted->follow) {
        if (fflush(out) != 0)
            return "can't write";
        const struct timespec pause = { .tv_nsec = FOLLOW_NANOSECONDS };
        nanosleep(&pause, NULL);
        for (uint32_t cpu = 0; cpu < machine->cpu_count; cpu++) {
            const char *wrong = trace_new(out, machine, cpu, wanted, &seen[cpu]);
            if (wrong)
                return wrong;
        }
    }
    return NULL;
}
