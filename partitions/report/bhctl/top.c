// SPDX-License-Identifier: BSD-2-Clause
// bhctl top: exits, messages, EPT02 and faults per second.

#include "top.h"

#include <stdlib.h>

#define ROWS (ORIGIN_COUNT * EXIT_REASON_COUNT)

struct row { unsigned origin, reason; struct exit_stat stat; };

static uint64_t per_second(uint64_t count, uint32_t milliseconds) { return milliseconds ? count * 1000 / milliseconds : 0; }
static uint64_t each(uint64_t sum, uint64_t count) { return count ? sum / count : 0; }

bool top_read(struct records_machine *machine, struct top *now, char why[REGION_WHY])
{
    if (region_machine(machine, why) || !stats_sum(machine, &now->stats))
        return false;
    for (uint32_t i = 0; i < PARTITION_MAX; i++)
        now->restarts[i] = machine->partition[i].restarts;
    return true;
}

static int most_first(const void *a, const void *b)
{
    const struct row *one = a, *two = b;
    if (one->stat.count != two->stat.count)
        return one->stat.count < two->stat.count ? 1 : -1;
    return (int)(one->origin * EXIT_REASON_COUNT + one->reason) - (int)(two->origin * EXIT_REASON_COUNT + two->reason);
}

static unsigned rows_make(const struct top *before, const struct top *after, struct row row[ROWS])
{
    unsigned rows = 0;
    for (unsigned origin = 0; origin < ORIGIN_COUNT; origin++)
        for (unsigned reason = 0; reason < EXIT_REASON_COUNT; reason++) {
            const struct exit_stat *was = &before->stats.exit[origin][reason], *is = &after->stats.exit[origin][reason];
            if (is->count != was->count)
                row[rows++] = (struct row){ origin, reason, { is->count - was->count, is->instr - was->instr, is->vmreads - was->vmreads,
                                                              is->vmwrites - was->vmwrites } };
        }
    qsort(row, rows, sizeof(*row), most_first);
    return rows;
}

static uint64_t ops(const struct top *before, const struct top *after, enum op_code code) { return after->stats.op[code] - before->stats.op[code]; }

static void print_ept02(FILE *out, const struct top *before, const struct top *after, uint32_t milliseconds)
{
    const uint64_t fills = ops(before, after, OP_EPT_MAP) + ops(before, after, OP_EPT_MAP_RUN);
    fprintf(out, "\nEPT02       %llu fills/s, %llu mappings removed/s, %llu evictions of trees/s\n", (unsigned long long)per_second(fills, milliseconds),
            (unsigned long long)per_second(ops(before, after, OP_EPT_UNMAP), milliseconds),
            (unsigned long long)per_second(ops(before, after, OP_EPT_DROP), milliseconds));
}

void top_print(FILE *out, const struct records_machine *machine, const struct top *before, const struct top *after, uint32_t milliseconds)
{
    static struct row row[ROWS];
    const unsigned rows = rows_make(before, after, row);
    uint64_t exits = 0;
    for (unsigned i = 0; i < rows; i++)
        exits += row[i].stat.count;
    fprintf(out, "Bulkhead %s, workload %s, %u CPUs: %llu exits/s\n\n", machine->version, machine->workload, machine->cpu_count,
            (unsigned long long)per_second(exits, milliseconds));
    fprintf(out, "%-3s %-28s %10s %12s %10s %10s\n", "", "exit", "per s", "instr each", "VMREADs", "VMWRITEs");
    for (unsigned i = 0; i < rows; i++) {
        char number[12], level[12];
        const char *name = exit_reason_name(row[i].reason);
        snprintf(number, sizeof(number), "%u", row[i].reason);
        snprintf(level, sizeof(level), row[i].origin == ORIGIN_PAL ? "PAL" : "L%u", row[i].origin + 1);
        const struct exit_stat *stat = &row[i].stat;
        fprintf(out, "%-3s %-28s %10llu %12llu %10llu %10llu\n", level, name ? name : number, (unsigned long long)per_second(stat->count, milliseconds),
                (unsigned long long)each(stat->instr, stat->count), (unsigned long long)each(stat->vmreads, stat->count),
                (unsigned long long)each(stat->vmwrites, stat->count));
    }
    fprintf(out, "\n%-32s %10s %12s %10s\n", "messages", "per s", "instr each", "faults");
    for (uint32_t i = 0; i < machine->partition_count; i++) {
        const uint64_t count = after->stats.message[i].count - before->stats.message[i].count;
        fprintf(out, "%-32s %10llu %12llu %10u\n", machine->partition[i].name, (unsigned long long)per_second(count, milliseconds),
                (unsigned long long)each(after->stats.message[i].instr - before->stats.message[i].instr, count),
                after->restarts[i] - before->restarts[i]);
    }
    print_ept02(out, before, after, milliseconds);
}
