// SPDX-License-Identifier: BSD-2-Clause
// An event as a line of text or as JSON: the same lines as ci/trace_text.py makes.

#include <inttypes.h>

#include <caps/status.h>

#include "command.h"

#define NUMBER 12  // characters of a number that has no name

static const char *level_name(unsigned level, char text[NUMBER])
{
    static const char *const name[] = { [ORIGIN_L1] = "L1", [ORIGIN_L2] = "L2", [ORIGIN_PAL] = "PAL" };
    if (level < sizeof(name) / sizeof(name[0]))
        return name[level];
    snprintf(text, NUMBER, "%u", level);
    return text;
}

static const char *kind_name(unsigned kind)
{
    static const char *const name[] = { [EVENT_NONE] = "none", [EVENT_EXIT] = "exit", [EVENT_MESSAGE] = "message", [EVENT_REPLY] = "reply",
                                        [EVENT_FAULT] = "fault", [EVENT_NMI] = "nmi", [EVENT_DMA] = "dma" };
    return kind < sizeof(name) / sizeof(name[0]) ? name[kind] : "?";
}

static const char *reason_name(unsigned reason, char text[NUMBER])
{
    const char *name = exit_reason_name(reason);
    snprintf(text, NUMBER, "%u", reason);
    return name ? name : text;
}

static const char *partition_name(const struct records_machine *machine, const struct event *event)
{
    return event->partition > 0 && event->partition <= machine->partition_count ? machine->partition[event->partition - 1].name : "";
}

// What an event of its kind doesn't have is not in it: a device's request comes from no level, and is no exit.
static void print_json(FILE *out, const struct records_machine *machine, uint32_t cpu, const struct event *event, enum message_data data,
                       const struct request *request)
{
    char level[NUMBER], to[NUMBER], reason[NUMBER];
    const char *partition = partition_name(machine, event);
    const bool guest = event->kind != EVENT_DMA;
    fprintf(out, "{\"tsc\": %" PRIu64 ", \"cpu\": %u, ", event->tsc, cpu);
    if (guest)
        fprintf(out, "\"level\": \"%s\", ", level_name(event->level, level));
    fprintf(out, "\"kind\": \"%s\", ", kind_name(event->kind));
    if (guest)
        fprintf(out, "\"reason\": \"%s\", \"failed\": %s, ", reason_name(event->reason, reason), exit_reason_failed(event->reason) ? "true" : "false");
    fprintf(out, "\"rip\": \"0x%" PRIx64 "\", \"qualification\": \"0x%" PRIx64 "\", \"partition\": \"%s\", \"status\": \"%s\", \"to\": \"%s\", \"ticks\": %u",
            event->rip, event->qualification, partition, *partition ? status_text((enum status)event->status) : "",
            event->kind == EVENT_EXIT && event->end ? level_name(event->to, to) : "", event->ticks);
    message_print_json(out, data, request);
    fputs("}\n", out);
}

void event_print(FILE *out, const struct records_machine *machine, uint32_t cpu, const struct event *event, bool json, enum message_data data,
                 const struct request *request)
{
    char level[NUMBER], to[NUMBER], reason[NUMBER];
    const char *partition = partition_name(machine, event);
    const bool exited = event->kind == EVENT_EXIT;
    if (json) {
        print_json(out, machine, cpu, event, data, request);
        return;
    }
    if (event->kind == EVENT_DMA) {
        const unsigned source = DMA_SOURCE(event->qualification);
        fprintf(out, "%14" PRIu64 " CPU%u dma %02x:%02x.%u %s 0x%" PRIx64 ", reason 0x%x\n", event->tsc, cpu, source >> 8, source >> 3 & 31, source & 7,
                DMA_READS(event->qualification) ? "reads" : "writes", event->rip, DMA_REASON(event->qualification));
        return;
    }
    fprintf(out, "%14" PRIu64 " CPU%u %s", event->tsc, cpu, level_name(event->level, level));
    if (exited && event->end)
        fprintf(out, "->%s", level_name(event->to, to));
    fprintf(out, " %s%s%s%s", exited ? "" : kind_name(event->kind), exited ? "" : " ", reason_name(event->reason, reason),
            exit_reason_failed(event->reason) ? " (failed entry)" : "");
    uint64_t qualification = event->qualification;
    const bool hidden = event_hides(event) && event->rip == 0;
    if (exited && event->reason == EXIT_EPT_VIOLATION && event->level != ORIGIN_L1 && !hidden) {
        fprintf(out, " gpa=0x%" PRIx64, (uint64_t)(qualification & PAGE_MASK));
        qualification &= ~PAGE_MASK;
    }
    if (!hidden)
        fprintf(out, " rip=0x%" PRIx64, event->rip);
    if (qualification)
        fprintf(out, event->kind == EVENT_MESSAGE ? " number=%" PRIu64 : " qualification=0x%" PRIx64, qualification);
    if (*partition)
        fprintf(out, " %s%s%s", partition, event->status ? ": " : "", event->status ? status_text((enum status)event->status) : "");
    if (event->ticks)
        fprintf(out, " %u instr", event->ticks);
    message_print(out, data, request);
    fputc('\n', out);
}
