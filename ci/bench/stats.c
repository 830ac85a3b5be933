// SPDX-License-Identifier: BSD-2-Clause
// The kernel's statistics of CPU 0, read through the partition `report`, a line a hypercall.

#include <stdbool.h>
#include <stddef.h>

#include <caps/cpuid.h>
#include <caps/hypercall.h>
#include <caps/records.h>

#include "cpu_insn.h"
#include "report_insn.h"
#include "stats.h"

#define EXITS_OFFSET (RECORDS_CPU_BASE(0) - RECORDS_BASE + offsetof(struct records_cpu, stats.exit))
#define LINE_WORDS   (REPORT_LINE / sizeof(uint64_t))
#define STAT_WORDS   (sizeof(struct exit_stat) / sizeof(uint64_t))
_Static_assert(EXITS_OFFSET % sizeof(uint64_t) == 0, "whole words");

// Words first to first + count - 1 of the records; false: nobody tells.
static bool read_words(uint64_t first, unsigned count, uint64_t *words)
{
    uint64_t line[LINE_WORDS], held = ~0ull;
    for (unsigned i = 0; i < count; i++) {
        if ((first + i) / LINE_WORDS != held) {
            held = (first + i) / LINE_WORDS;
            if (report_line(held * REPORT_LINE, line) != REPORT_LINE)
                return false;
        }
        words[i] = line[(first + i) % LINE_WORDS];
    }
    return true;
}

struct stats_sum stats_read(void)
{
    static uint64_t words[ORIGIN_COUNT * EXIT_REASON_COUNT * STAT_WORDS];
    struct stats_sum sum = { 0 };
    const struct cpuid leaf = cpuid(CPUID_BULKHEAD);
    if (leaf.ebx != CPUID_BULKHEAD_EBX || leaf.ecx != CPUID_BULKHEAD_ECX || leaf.edx != CPUID_BULKHEAD_EDX)
        return sum;
    if (!read_words(EXITS_OFFSET / sizeof(uint64_t), sizeof(words) / sizeof(words[0]), words))
        return sum;
    for (unsigned i = 0; i < ORIGIN_COUNT * EXIT_REASON_COUNT; i++) {
        const uint64_t *stat = &words[i * STAT_WORDS];  // struct exit_stat
        if (i % EXIT_REASON_COUNT == EXIT_IO || i == EXIT_CPUID)
            continue;
        sum.exits += stat[0];
        sum.accesses += stat[2] + stat[3];
    }
    return sum;
}
