// SPDX-License-Identifier: BSD-2-Clause
// Messages' fields by name and value: the same lines as ci/trace_text.py makes. Nothing of a slot that is filled anew meanwhile is shown.
#include "message.h"

#include <inttypes.h>

#define FIELDS_A_LINE 4
#define LINE_FIELDS   (REPORT_LINE / sizeof(uint64_t))

static bool travels(uint64_t groups, unsigned field) { return groups >> vmcs_field_info[field].group & 1; }

// Only lines in which something has travelled.
static bool read_bank(uint64_t offset, uint64_t groups, uint64_t bank[VMCS_FIELD_COUNT])
{
    for (unsigned first = 0; first < VMCS_FIELD_COUNT; first += LINE_FIELDS) {
        const unsigned count = VMCS_FIELD_COUNT - first < LINE_FIELDS ? VMCS_FIELD_COUNT - first : LINE_FIELDS;
        bool any = false;
        for (unsigned i = 0; i < count; i++)
            any |= travels(groups, first + i);
        if (any && !region_read(offset + first * sizeof(*bank), bank + first, count * sizeof(*bank)))
            return false;
    }
    return true;
}

enum message_data message_read(const struct records_machine *machine, uint32_t cpu, const struct event *event, uint32_t later, struct request *request)
{
    if (event->partition == 0 || event->partition > machine->partition_count || event->end == 0 || (event->kind != EVENT_EXIT && event->kind != EVENT_MESSAGE))
        return MESSAGE_NONE;
    const uint32_t partition = event->partition - 1u;
    if (machine->channels[partition] == 0 || event->level == ORIGIN_PAL)
        return MESSAGE_SECRET;
    const uint64_t slot = region_ring(machine, partition, cpu) + ring_slot(event->sequence) * sizeof(union request_slot);
    if (!region_read(slot, request, offsetof(struct request, gpr)) || !event_tells_of(event, request, later))
        return MESSAGE_OVERWRITTEN;
    const uint64_t groups = request->groups & ~GROUP_GPR;
    uint32_t sequence;
    if ((request->groups & GROUP_GPR && !region_read(slot + offsetof(struct request, gpr), request->gpr, sizeof(request->gpr))) ||
        !read_bank(slot + offsetof(struct request, field[0]), groups, request->field[0]) ||
        !read_bank(slot + offsetof(struct request, field[1]), request->groups_shadow, request->field[1]) ||
        !region_read(slot + offsetof(struct request, sequence), &sequence, sizeof(sequence)) || sequence != request->sequence)
        return MESSAGE_OVERWRITTEN;
    return MESSAGE_WHOLE;
}

struct writer { FILE *out; bool json; unsigned count; };

static void write_one(struct writer *writer, const char *prefix, const char *name, uint64_t value)
{
    if (writer->json)
        fprintf(writer->out, "%s\"%s%s\": \"0x%" PRIx64 "\"", writer->count ? ", " : "", prefix, name, value);
    else
        fprintf(writer->out, "%s%s%s=0x%" PRIx64, writer->count % FIELDS_A_LINE ? " " : "\n               ", prefix, name, value);
    writer->count++;
}

static void write_bank(struct writer *writer, const char *prefix, uint64_t groups, const uint64_t bank[VMCS_FIELD_COUNT])
{
    static const char *const name[VMCS_FIELD_COUNT] = {
#define FIELD(field, encoding, group, policy, nested, exists) [VMCS_##field] = #field,
#include <caps/vmcs_field.def>
#undef FIELD
    };
    for (unsigned i = 0; i < VMCS_FIELD_COUNT; i++)
        if (travels(groups, i))
            write_one(writer, prefix, name[i], bank[i]);
}

static void write_all(struct writer *writer, const struct request *request)
{
    static const char *const gpr[GPR_COUNT] = { "rax", "rcx", "rdx", "rbx", "cr2", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15" };
    static const char *const arg[MSG_ARGS] = { "arg0", "arg1", "arg2", "arg3", "arg4", "arg5" };
    for (unsigned i = 0; i < GPR_COUNT && request->groups & GROUP_GPR; i++)
        write_one(writer, "", gpr[i], request->gpr[i]);
    write_bank(writer, "", request->groups & ~GROUP_GPR, request->field[0]);
    write_bank(writer, "SHADOW.", request->groups_shadow, request->field[1]);
    const bool arguments = request->kind == MSG_INIT || request->kind == MSG_ENTRY_FAILED || request->kind == MSG_CALL || request->flags & REQUEST_FORWARDED;
    for (unsigned i = 0; i < MSG_ARGS && arguments; i++)
        write_one(writer, "", arg[i], request->arg[i]);
}

void message_print(FILE *out, enum message_data data, const struct request *request)
{
    struct writer writer = { .out = out };
    if (data == MESSAGE_WHOLE)
        write_all(&writer, request);
    else if (data != MESSAGE_NONE)
        fprintf(out, "\n               its fields %s", data == MESSAGE_OVERWRITTEN ? "were overwritten before they could be read" : "are not shown: PALs' secrets may be among them");
}

void message_print_json(FILE *out, enum message_data data, const struct request *request)
{
    static const char *const name[] = { [MESSAGE_NONE] = "", [MESSAGE_WHOLE] = "whole", [MESSAGE_OVERWRITTEN] = "overwritten", [MESSAGE_SECRET] = "secret" };
    struct writer writer = { .out = out, .json = true };
    fprintf(out, ", \"data\": \"%s\", \"fields\": {", name[data]);
    if (data == MESSAGE_WHOLE)
        write_all(&writer, request);
    fputc('}', out);
}
