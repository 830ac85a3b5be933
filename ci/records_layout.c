// SPDX-License-Identifier: BSD-2-Clause
// Where things are in the records (caps/records.h), and what numbers in them mean, as JSON: for readers of an emulator's memory (ci/records.py).

#include <stddef.h>
#include <stdio.h>

#include <caps/records.h>
#include <caps/status.h>

static void names(const char *what, const char *const *name, unsigned count, const char *end)
{
    printf("\"%s\": [", what);
    for (unsigned i = 0; i < count; i++)
        printf("%s\"%s\"", i ? ", " : "", name[i]);
    printf("]%s\n", end);
}

int main(void)
{
    static const char *const kind[] = { "none", "exit", "message", "reply", "fault", "nmi" };  // enum event_kind
    const char *reason[EXIT_REASON_COUNT], *status[STATUS_COUNT];
    static char number[EXIT_REASON_COUNT][4];
    for (unsigned i = 0; i < EXIT_REASON_COUNT; i++) {
        snprintf(number[i], sizeof(number[i]), "%u", i);
        reason[i] = exit_reason_name(i) ? exit_reason_name(i) : number[i];
    }
    for (unsigned i = 0; i < STATUS_COUNT; i++)
        status[i] = status_text((enum status)i);
    _Static_assert(sizeof(struct event) == 32 && offsetof(struct event, rip) == 8 && offsetof(struct event, qualification) == 16 &&
                   offsetof(struct event, reason) == 24 && offsetof(struct event, outcome) == 27 && offsetof(struct event, end) == 28, "records.py's EVENT");
    _Static_assert(sizeof(((struct event_ring *)0)->next) == 4, "records.py's NEXT");
    printf("{\"magic\": %llu, \"abi\": %u, \"slots\": %u,\n", (unsigned long long)RECORDS_MAGIC, CAP_ABI, EVENT_SLOTS);
#define AT(name, member) printf("\"%s\": %zu,\n", name, offsetof(struct records_machine, member));
    AT("machine_abi", abi)
    AT("machine_cpu_count", cpu_count)
    AT("machine_partition_count", partition_count)
    AT("machine_base", base)
    AT("machine_partition", partition)
    AT("machine_cpu_base", cpu_base)
#undef AT
    printf("\"machine_bytes\": %zu, \"partition_bytes\": %zu, \"name_bytes\": %u, \"cpu_max\": %u, \"partition_max\": %u,\n", sizeof(struct records_machine),
           sizeof(struct records_partition), CAP_NAME, CPU_MAX, PARTITION_MAX);
    printf("\"ring\": %zu, \"ring_next\": %zu, \"ring_slot\": %zu, \"ring_bytes\": %zu,\n", offsetof(struct records_cpu, events),
           offsetof(struct event_ring, next), offsetof(struct event_ring, slot), sizeof(struct event_ring));
    names("kinds", kind, sizeof(kind) / sizeof(kind[0]), ",");
    names("reasons", reason, EXIT_REASON_COUNT, ",");
    names("statuses", status, STATUS_COUNT, "}");
    return 0;
}
