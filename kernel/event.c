// SPDX-License-Identifier: BSD-2-Clause
// Event ring: each CPU writes its own; others read it only when the machine has stopped, or for a record that may be a little torn.
#include "event.h"

#include <caps/exit_reason.h>

#include "cpu.h"
#include "log.h"
#include "msr.h"
#include "partition.h"

struct event *event_new(struct cpu *cpu, enum event_kind kind)
{
    struct event *event = &cpu->records.events.slot[cpu->records.events.next++ % EVENT_SLOTS];
    *event = (struct event){ .tsc = tsc_read(), .rip = cpu->rip, .head = EVENT_HEAD(kind, cpu->level, cpu->reason) };
    return event;
}

struct event *event_message(struct cpu *cpu, const struct partition *partition)
{
    struct event *event = event_new(cpu, EVENT_MESSAGE);
    event->outcome = (uint8_t)(partition->index + 1);
    event->qualification = partition->slot[cpu->index]->sequence + 1;
    return event;
}

void event_dump(const struct cpu *cpu, unsigned count)
{
    uint32_t end = cpu->records.events.next;
    for (uint32_t i = end > count ? end - count : 0; i != end; i++) {
        const struct event *event = &cpu->records.events.slot[i % EVENT_SLOTS];
        log_line(LOG_ERROR, "event cpu=%u tsc=%lu kind=%u L%u %s(0x%x) rip=0x%lx qualification=0x%lx partition=%d status=%u", cpu->index,
                 event->tsc, event->kind, event->level + 1u, exit_reason_name(event->reason),
                 event->reason, event->rip, event->qualification, event->partition - 1, event->status);
    }
}
