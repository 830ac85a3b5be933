// SPDX-License-Identifier: BSD-2-Clause
// bhctl trace: the last events of each CPU. Reading them makes new ones, by each of which the oldest is lost.

#include "command.h"

#include <caps/status.h>

void event_print(FILE *out, const struct records_machine *machine, uint32_t cpu, const struct event *event)
{
    static const char *const kind_name[] = { [EVENT_NONE] = "none", [EVENT_EXIT] = "exit", [EVENT_MESSAGE] = "message", [EVENT_REPLY] = "reply",
                                             [EVENT_FAULT] = "fault", [EVENT_NMI] = "nmi" };
    const char *kind = event->kind < sizeof(kind_name) / sizeof(kind_name[0]) ? kind_name[event->kind] : "?";
    const char *reason = exit_reason_name(event->reason & EXIT_REASON_BASIC);
    fprintf(out, "%llu cpu%u L%u %s %s%s rip=0x%llx qualification=0x%llx", (unsigned long long)event->tsc, cpu, event->level + 1u, kind,
            reason ? reason : "?", event->reason & EXIT_REASON_FAILED ? " (failed entry)" : "", (unsigned long long)event->rip,
            (unsigned long long)event->qualification);
    if (event->partition > 0 && event->partition <= machine->partition_count)
        fprintf(out, " partition=%s status=%s", machine->partition[event->partition - 1].name, status_text((enum status)event->status));
    fputc('\n', out);
}

static const char *trace_cpu(FILE *out, const struct records_machine *machine, uint32_t cpu, uint32_t count)
{
    static struct event event[EVENT_SLOTS];
    const uint64_t ring = region_cpu(cpu) + offsetof(struct records_cpu, events);
    uint32_t next, after;
    if (!region_read(ring + offsetof(struct event_ring, next), &next, sizeof(next)))
        return "the events can't be read";
    count = count < EVENT_SLOTS ? count : EVENT_SLOTS;
    count = count < next ? count : next;
    // The oldest last are the first to be overwritten: they are read last, so that of what was read the newest part is whole.
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t slot = (next - 1 - i) % EVENT_SLOTS;
        if (!region_read(ring + offsetof(struct event_ring, slot) + slot * sizeof(*event), &event[i], sizeof(*event)))
            return "the events can't be read";
    }
    if (!region_read(ring + offsetof(struct event_ring, next), &after, sizeof(after)))
        return "the events can't be read";
    const uint32_t fresh = after - next;  // so many more were written: those that were so old are gone
    const uint32_t kept = fresh >= EVENT_SLOTS ? 0 : EVENT_SLOTS - fresh < count ? EVENT_SLOTS - fresh : count;
    if (kept < count)
        fprintf(out, "(cpu%u: %u events were overwritten before they could be read)\n", cpu, count - kept);
    for (uint32_t i = kept; i > 0; i--)
        event_print(out, machine, cpu, &event[i - 1]);
    return NULL;
}

const char *command_trace(FILE *out, const struct records_machine *machine, uint32_t count, char why[REGION_WHY])
{
    (void)why;
    for (uint32_t cpu = 0; cpu < machine->cpu_count; cpu++) {
        const char *wrong = trace_cpu(out, machine, cpu, count);
        if (wrong)
            return wrong;
    }
    return NULL;
}
