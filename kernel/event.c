// SPDX-License-Identifier: BSD-2-Clause
// Event ring: each CPU writes its own; who reads it meanwhile goes by the number of the next one, which is counted behind the event (caps/records.h).
#include "event.h"

#include "cpu.h"
#include "msr.h"
#include "partition.h"

struct event *event_new(struct cpu *cpu, enum event_kind kind, uint64_t qualification)
{
    struct event *event = &cpu->records.events.slot[cpu->records.events.next % EVENT_SLOTS];
    *event = (struct event){ .tsc = tsc_read(), .rip = kind == EVENT_MESSAGE ? cpu->rip : 0, .qualification = qualification, .head = EVENT_HEAD(kind, cpu->level, cpu->reason) };
    __atomic_store_n(&cpu->records.events.next, cpu->records.events.next + 1, __ATOMIC_RELEASE);
    return event;
}

struct event *event_message(struct cpu *cpu, const struct partition *partition)
{
    struct event *event = event_new(cpu, EVENT_MESSAGE, partition->slot[cpu->index]->sequence + 1);
    event->outcome = (uint8_t)(partition->index + 1);
    return event;
}
