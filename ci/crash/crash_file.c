// SPDX-License-Identifier: BSD-2-Clause
#include "crash_file.h"

#include "../../partitions/report/bhctl/command.h"
#include "refused.h"

static struct { struct records records; struct records_cpu cpu; } region;

static bool line_of_region(uint64_t offset, uint64_t line[REPORT_LINE / sizeof(uint64_t)])
{
    if (offset > sizeof(region) - REPORT_LINE)
        return false;
    for (unsigned i = 0; i < REPORT_LINE / sizeof(uint64_t); i++)
        line[i] = ((const uint64_t *)&region)[offset / sizeof(uint64_t) + i];
    return true;
}

// A file that was cut off is known by its own word for its size, one of another version by that of its ABI: the order in which records are judged.
static const char *take(FILE *file, struct crash_record *record, char why[REGION_WHY])
{
    const size_t bytes = fread(record, 1, sizeof(*record), file);
    if (ferror(file))
        return "can't be read";
    if (bytes < offsetof(struct crash_record, generation) || record->magic != CRASH_MAGIC)
        return "is no crash record";
    if (record->abi != CAP_ABI || (bytes == sizeof(*record) && fgetc(file) == EOF))
        return NULL;
    snprintf(why, REGION_WHY, "has %s than the %zu bytes of a crash record", bytes < sizeof(*record) ? "less" : "more", sizeof(*record));
    return why;
}

static void print_refused(FILE *out, const struct crash_vmcs *vmcs)
{
    const char *section, *check = refused_by(vmcs->field, &section);
    if (check)
        fprintf(out, "VM entry on %s: refused by the check %s, SDM 3C %s\n", crash_vmcs_name(vmcs->kind), check, section);
    else
        fprintf(out, "VM entry on %s: none of the checks of guest state fails that need no knowledge of the CPU\n", crash_vmcs_name(vmcs->kind));
}

const char *crash_file_print(FILE *out, FILE *file, char why[REGION_WHY])
{
    struct crash_record *record = &region.records.previous;
    const char *wrong = take(file, record, why);
    region_line = line_of_region;
    if (!wrong)
        wrong = command_crash(out, false, why);
    for (unsigned i = 0; !wrong && i < CRASH_VMCSS; i++)
        if (record->vmcs[i].kind == CRASH_VMCS_01 || record->vmcs[i].kind == CRASH_VMCS_02)
            print_refused(out, &record->vmcs[i]);
    return wrong;
}
