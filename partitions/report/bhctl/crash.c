// SPDX-License-Identifier: BSD-2-Clause
// bhctl crash: what is left of a crash of the boot before this one.

#include <string.h>
#include <time.h>

#include "command.h"

static const char *kind_name(uint32_t kind)
{
    static const char *const name[] = { [CRASH_PANIC] = "panic of the kernel", [CRASH_FAULT] = "fault of a partition", [CRASH_ENTRY] = "failed VM entry" };
    return kind < sizeof(name) / sizeof(name[0]) && name[kind] ? name[kind] : "crash of an unknown kind";
}

static void print_time(FILE *out, uint64_t seconds)
{
    const time_t time = (time_t)seconds;
    struct tm fields;
    char text[32];
    if (seconds != 0 && gmtime_r(&time, &fields) && strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &fields))
        fprintf(out, "run began   %s by the firmware's clock\n", text);
}

// RSP's place in a message has CR2.
static void print_registers(FILE *out, const uint64_t gpr[GPR_COUNT], const char *rsp)
{
    const char *const name[GPR_COUNT] = { "rax", "rcx", "rdx", "rbx", rsp, "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15" };
    for (unsigned i = 0; i < GPR_COUNT; i++)
        fprintf(out, "%3s=%016llx%c", name[i], (unsigned long long)gpr[i], i % 4 == 3 ? '\n' : ' ');
}

const char *crash_vmcs_name(uint64_t kind)
{
    static const char *const name[] = { [CRASH_VMCS_01] = "VMCS01, L1's", [CRASH_VMCS_02] = "VMCS02, the L2's", [CRASH_VMCS_SHADOW] = "the shadow VMCS, L1's for its L2" };
    return kind < sizeof(name) / sizeof(name[0]) && name[kind] ? name[kind] : "a VMCS of an unknown kind";
}

// Those of the groups that aren't 0, two a line.
static void print_fields(FILE *out, const uint64_t field[VMCS_FIELD_COUNT], uint64_t groups)
{
    static const char *const name[VMCS_FIELD_COUNT] = {
#define FIELD(field, encoding, group, policy, nested, exists) [VMCS_##field] = #field,
#include <caps/vmcs_field.def>
#undef FIELD
    };
    unsigned printed = 0;
    for (unsigned i = 0; i < VMCS_FIELD_COUNT; i++)
        if (field[i] != 0 && (groups >> vmcs_field_info[i].group & 1))
            fprintf(out, "  %-28s %016llx%s", name[i], (unsigned long long)field[i], ++printed % 2 == 0 ? "\n" : "");
    fputs(printed % 2 == 0 ? "" : "\n", out);
}

static void print_message(FILE *out, const struct request *request)
{
    if (request->sequence == 0)
        return;
    const char *reason = request->kind == MSG_EXIT || request->kind == MSG_KILL ? exit_reason_name(request->reason & EXIT_REASON_BASIC) : NULL;
    fprintf(out, "message     number %u on CPU %u, %s%s%s, attempt %u\n", request->sequence, request->cpu,
            msg_kind_name(request->kind), reason ? " " : "", reason ? reason : "", request->attempt + 1u);
    if (request->groups & GROUP_GPR)
        print_registers(out, request->gpr, "cr2");
    print_fields(out, request->field[0], request->groups & ~GROUP_GPR);
    print_fields(out, request->field[1], request->groups_shadow);
}

// The record is damaged unless its counts are in bounds: the checksum says only that it is as somebody wrote it.
static bool sound(const struct crash_record *record)
{
    return record->bytes == sizeof(*record) && record->checksum == crash_checksum(record) && record->backtrace_count <= CRASH_BACKTRACE &&
           record->event_count <= sizeof(record->event) / sizeof(record->event[0]) && record->line_count <= CRASH_LINES &&
           record->machine.partition_count <= PARTITION_MAX;
}

const char *command_crash(FILE *out, bool raw, char why[REGION_WHY])
{
    static struct crash_record record;
    if (!region_read(offsetof(struct records, previous), &record, sizeof(record)))
        return "the crash record can't be read";
    if (record.magic != CRASH_MAGIC && raw)
        return "there was no crash in the boot before this one";
    if (record.magic != CRASH_MAGIC) {
        fputs("no crash in the boot before this one\n", out);
        return NULL;
    }
    if (record.abi != CAP_ABI) {
        snprintf(why, REGION_WHY, "the crash record is of ABI %u, this program is for ABI %u", record.abi, CAP_ABI);
        return why;
    }
    if (!sound(&record))
        return "the crash record is damaged";
    if (raw)
        return fwrite(&record, sizeof(record), 1, out) == 1 ? NULL : "can't write";
    struct records_machine *then = &record.machine;
    for (unsigned i = 0; i < PARTITION_MAX; i++)
        region_text(then->partition[i].name, sizeof(then->partition[i].name));
    region_text(then->version, sizeof(then->version));
    region_text(then->workload, sizeof(then->workload));
    region_text(record.partition, sizeof(record.partition));
    region_text(record.text, sizeof(record.text));
    fprintf(out, "%s%s%s%s on CPU %u, crash number %u, faults in that run: %u\n", kind_name(record.kind), record.partition[0] ? " (" : "", record.partition,
            record.partition[0] ? ")" : "", record.cpu, record.generation, record.faults);
    fprintf(out, "%s\n", record.text);
    fprintf(out, "Bulkhead    %s, workload %s\n", then->version, then->workload);
    print_time(out, then->boot_time);
    fprintf(out, "after       %llu ticks\n", (unsigned long long)(record.tsc - then->boot_tsc));
    if (record.vector != CRASH_NO_VECTOR)
        fprintf(out, "exception   vector %llu, error 0x%llx\n", (unsigned long long)record.vector, (unsigned long long)record.error);
    fputs(record.kind == CRASH_ENTRY ? "L1's registers, but for RSP, and the kernel's RIP:\n" : "", out);
    fprintf(out, "rip=%016llx rflags=%llx cr2=%llx\n", (unsigned long long)record.rip, (unsigned long long)record.rflags, (unsigned long long)record.cr2);
    print_registers(out, record.gpr, "rsp");
    for (uint32_t i = 0; i < record.backtrace_count; i++)
        fprintf(out, "  called from 0x%llx\n", (unsigned long long)record.backtrace[i]);
    print_message(out, &record.request);
    for (unsigned i = 0; i < CRASH_VMCSS; i++) {
        if (record.vmcs[i].kind == CRASH_VMCS_NONE)
            continue;
        fprintf(out, "%s:\n", crash_vmcs_name(record.vmcs[i].kind));
        print_fields(out, record.vmcs[i].field, ~GROUP_GPR);
    }
    fputs("events:\n", out);
    for (uint32_t i = 0; i < record.event_count; i++)
        event_print(out, then, record.cpu, &record.event[i], false, MESSAGE_NONE, NULL);
    fputs("log:\n", out);
    for (uint32_t i = 0; i < record.line_count; i++) {
        region_text(record.line[i], sizeof(record.line[i]));
        fputs(record.line[i], out);
    }
    return NULL;
}
