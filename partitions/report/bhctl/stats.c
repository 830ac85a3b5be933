// SPDX-License-Identifier: BSD-2-Clause
// bhctl stats: what exits and messages there were, and what they cost. Each CPU counts for itself; figures of CPUs that run are a little apart.

#include <string.h>

#include "command.h"

bool stats_sum(const struct records_machine *machine, struct stats *sum)
{
    static struct stats one;
    memset(sum, 0, sizeof(*sum));
    for (uint32_t cpu = 0; cpu < machine->cpu_count; cpu++) {
        if (!region_read(region_cpu(cpu) + offsetof(struct records_cpu, stats), &one, sizeof(one)))
            return false;
        for (unsigned origin = 0; origin < ORIGIN_COUNT; origin++)
            for (unsigned reason = 0; reason < EXIT_REASON_COUNT; reason++) {
                struct exit_stat *to = &sum->exit[origin][reason];
                const struct exit_stat *from = &one.exit[origin][reason];
                to->count += from->count;
                to->instr += from->instr;
                to->vmreads += from->vmreads;
                to->vmwrites += from->vmwrites;
            }
        for (unsigned i = 0; i < OP_COUNT; i++)
            sum->op[i] += one.op[i];
        for (unsigned i = 0; i < PARTITION_MAX; i++) {
            sum->message[i].count += one.message[i].count;
            sum->message[i].instr += one.message[i].instr;
        }
    }
    return true;
}

static const char *reason_name(unsigned reason)
{
    static char text[16];
    const char *name = exit_reason_name(reason);
    if (!name)
        snprintf(text, sizeof(text), "%u", reason);
    return name ? name : text;
}

// One row a kind of exit, in the order of levels and reasons: format has origin, name, four numbers; between: what separates rows.
static void print_exits(FILE *out, const struct stats *sum, const char *format, const char *between)
{
    bool first = true;
    for (unsigned origin = 0; origin < ORIGIN_COUNT; origin++)
        for (unsigned reason = 0; reason < EXIT_REASON_COUNT; reason++) {
            const struct exit_stat *stat = &sum->exit[origin][reason];
            if (stat->count == 0)
                continue;
            fputs(first ? "" : between, out);
            first = false;
            fprintf(out, format, origin + 1u, reason_name(reason), (unsigned long long)stat->count, (unsigned long long)stat->instr,
                    (unsigned long long)stat->vmreads, (unsigned long long)stat->vmwrites);
        }
}

static void print_messages(FILE *out, const struct records_machine *machine, const struct stats *sum, const char *format, const char *between)
{
    for (uint32_t i = 0; i < machine->partition_count; i++) {
        fputs(i == 0 ? "" : between, out);
        fprintf(out, format, machine->partition[i].name, (unsigned long long)sum->message[i].count, (unsigned long long)sum->message[i].instr);
    }
}

const char *command_stats(FILE *out, const struct records_machine *machine, bool json, char why[REGION_WHY])
{
    static struct stats sum;
    (void)why;
    if (!stats_sum(machine, &sum))
        return "the statistics can't be read";
    if (json) {
        fprintf(out, "{\"cpus\": %u, \"exits\": [", machine->cpu_count);
        print_exits(out, &sum, "{\"origin\": \"L%u\", \"reason\": \"%s\", \"count\": %llu, \"l0_instr\": %llu, \"vmreads\": %llu, \"vmwrites\": %llu}", ", ");
        fputs("], \"messages\": [", out);
        print_messages(out, machine, &sum, "{\"partition\": \"%s\", \"count\": %llu, \"instr\": %llu}", ", ");
        fputs("]}\n", out);
        return NULL;
    }
    fprintf(out, "%-3s %-28s %12s %16s %12s %12s\n", "", "exit", "count", "L0 instructions", "VMREADs", "VMWRITEs");
    print_exits(out, &sum, "L%-2u %-28s %12llu %16llu %12llu %12llu\n", "");
    fprintf(out, "\n%-32s %12s %16s\n", "messages", "count", "instructions");
    print_messages(out, machine, &sum, "%-32s %12llu %16llu\n", "");
    return NULL;
}
