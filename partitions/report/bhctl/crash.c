// SPDX-License-Identifier: BSD-2-Clause
// bhctl crash: what is left of a crash of the boot before this one.

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

static void print_registers(FILE *out, const struct crash_record *record)
{
    static const char *const name[GPR_COUNT] = { "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15" };
    fprintf(out, "rip=%016llx rflags=%llx cr2=%llx\n", (unsigned long long)record->rip, (unsigned long long)record->rflags,
            (unsigned long long)record->cr2);
    for (unsigned i = 0; i < GPR_COUNT; i++)
        fprintf(out, "%3s=%016llx%c", name[i], (unsigned long long)record->gpr[i], i % 4 == 3 ? '\n' : ' ');
}

// The record is damaged unless its counts are in bounds: the checksum says only that it is as somebody wrote it.
static bool sound(const struct crash_record *record)
{
    return record->bytes == sizeof(*record) && record->checksum == crash_checksum(record) && record->backtrace_count <= CRASH_BACKTRACE &&
           record->event_count <= sizeof(record->event) / sizeof(record->event[0]) && record->line_count <= CRASH_LINES;
}

const char *command_crash(FILE *out, const struct records_machine *machine, char why[REGION_WHY])
{
    static struct crash_record record;
    if (!region_read(offsetof(struct records, previous), &record, sizeof(record)))
        return "the crash record can't be read";
    if (record.magic != CRASH_MAGIC) {
        fputs("no crash in the boot before this one\n", out);
        return NULL;
    }
    if (record.abi != CAP_ABI) {
        snprintf(why, REGION_WHY, "the crash record is of ABI %u, this bhctl is for ABI %u", record.abi, CAP_ABI);
        return why;
    }
    if (!sound(&record))
        return "the crash record is damaged";
    region_text(record.version, sizeof(record.version));
    region_text(record.workload, sizeof(record.workload));
    region_text(record.partition, sizeof(record.partition));
    region_text(record.text, sizeof(record.text));
    fprintf(out, "%s%s%s%s on CPU %u, crash number %u, faults in that run: %u\n", kind_name(record.kind), record.partition[0] ? " (" : "", record.partition,
            record.partition[0] ? ")" : "", record.cpu, record.generation, record.faults);
    fprintf(out, "%s\n", record.text);
    fprintf(out, "Bulkhead    %s, workload %s\n", record.version, record.workload);
    print_time(out, record.boot_time);
    fprintf(out, "after       %llu ticks\n", (unsigned long long)(record.tsc - record.boot_tsc));
    if (record.vector != CRASH_NO_VECTOR)
        fprintf(out, "exception   vector %llu, error 0x%llx\n", (unsigned long long)record.vector, (unsigned long long)record.error);
    print_registers(out, &record);
    for (uint32_t i = 0; i < record.backtrace_count; i++)
        fprintf(out, "  called from 0x%llx\n", (unsigned long long)record.backtrace[i]);
    fputs("events:\n", out);
    for (uint32_t i = 0; i < record.event_count; i++)
        event_print(out, machine, record.cpu, &record.event[i], false);
    fputs("log:\n", out);
    for (uint32_t i = 0; i < record.line_count; i++) {
        region_text(record.line[i], sizeof(record.line[i]));
        fputs(record.line[i], out);
    }
    return NULL;
}
