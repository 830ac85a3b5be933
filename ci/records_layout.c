// SPDX-License-Identifier: BSD-2-Clause
// Where things are in the records (caps/records.h), and what numbers in them mean, as JSON: for readers of an emulator's memory (ci/records.py).

#include <stddef.h>
#include <stdio.h>

#include <caps/records.h>
#include <caps/status.h>

#define MESSAGES (MSG_KILL + 1u)

static void names(const char *what, const char *const *name, unsigned count, const char *end)
{
    printf("\"%s\": [", what);
    for (unsigned i = 0; i < count; i++)
        printf("%s\"%s\"", i ? ", " : "", name[i]);
    printf("]%s\n", end);
}

int main(void)
{
    static const char *const kind[] = { "none", "exit", "message", "reply", "fault", "nmi", "dma" };  // enum event_kind
    const char *reason[EXIT_REASON_COUNT], *status[STATUS_COUNT];
    const char *message[MESSAGES];
    static char number[EXIT_REASON_COUNT][4];
    for (unsigned i = 0; i < EXIT_REASON_COUNT; i++) {
        snprintf(number[i], sizeof(number[i]), "%u", i);
        reason[i] = exit_reason_name(i) ? exit_reason_name(i) : number[i];
    }
    for (unsigned i = 0; i < STATUS_COUNT; i++)
        status[i] = status_text((enum status)i);
    _Static_assert(sizeof(struct event) == 32 && offsetof(struct event, rip) == 8 && offsetof(struct event, qualification) == 16 &&
                   offsetof(struct event, reason) == 24 && offsetof(struct event, sequence) == 25 && offsetof(struct event, outcome) == 27 && offsetof(struct event, end) == 28, "records.py's EVENT");
    _Static_assert(sizeof(((struct event_ring *)0)->next) == 4, "records.py's NEXT");
    printf("{\"magic\": %llu, \"abi\": %u, \"slots\": %u,\n", (unsigned long long)RECORDS_MAGIC, CAP_ABI, EVENT_SLOTS);
#define AT(name, member) printf("\"%s\": %zu,\n", name, offsetof(struct records_machine, member));
    AT("machine_abi", abi)
    AT("machine_cpu_count", cpu_count)
    AT("machine_partition_count", partition_count)
    AT("machine_base", base)
    AT("machine_partition", partition)
    AT("machine_cpu_base", cpu_base)
    AT("machine_channels", channels)
#undef AT
#define AT(name) printf("\"request_" #name "\": %zu, ", offsetof(struct request, name));
    AT(sequence) AT(kind) AT(origin) AT(flags) AT(reason) AT(groups) AT(groups_shadow) AT(arg) AT(gpr) AT(field)
#undef AT
    printf("\"request_bytes\": %zu, \"request_slot\": %zu, \"channel_bytes\": %zu, \"ring_slots\": %u, \"args\": %u, \"group_gpr\": %llu, \"forwarded\": %u,\n",
           sizeof(struct request), sizeof(union request_slot), sizeof(struct channel), RING_SLOTS, MSG_ARGS, (unsigned long long)GROUP_GPR, REQUEST_FORWARDED);
    _Static_assert(offsetof(struct channel, request) == 0, "records.py's rings");
    printf("\"machine_bytes\": %zu, \"partition_bytes\": %zu, \"name_bytes\": %u, \"cpu_max\": %u, \"partition_max\": %u,\n", sizeof(struct records_machine),
           sizeof(struct records_partition), CAP_NAME, CPU_MAX, PARTITION_MAX);
    printf("\"ring\": %zu, \"ring_next\": %zu, \"ring_slot\": %zu, \"ring_bytes\": %zu,\n", offsetof(struct records_cpu, events),
           offsetof(struct event_ring, next), offsetof(struct event_ring, slot), sizeof(struct event_ring));
    static const char *const fields[VMCS_FIELD_COUNT] = {
#define FIELD(field, encoding, group, policy, nested, exists) [VMCS_##field] = #field,
#include <caps/vmcs_field.def>
#undef FIELD
    };
    printf("\"groups\": [");
    for (unsigned i = 0; i < VMCS_FIELD_COUNT; i++)
        printf("%s%u", i ? ", " : "", vmcs_field_info[i].group);
    printf("],\n");
    names("fields", fields, VMCS_FIELD_COUNT, ",");
    for (unsigned i = 0; i < MESSAGES; i++)
        message[i] = msg_kind_name(i);
    names("messages", message, MESSAGES, ",");
    names("kinds", kind, sizeof(kind) / sizeof(kind[0]), ",");
    names("reasons", reason, EXIT_REASON_COUNT, ",");
    names("statuses", status, STATUS_COUNT, "}");
    return 0;
}
