// SPDX-License-Identifier: BSD-2-Clause
// Statistics: summing over CPUs and printing.
#include "stats.h"

#include "cpu.h"
#include "log.h"
#include "msr.h"
#include "partition.h"
#include "pool.h"

static uint64_t print_exits(enum msg_origin origin)
{
    uint64_t l0_instr = 0;
    for (unsigned reason = 0; reason < EXIT_REASON_COUNT; reason++) {
        struct exit_stat sum = { 0, 0, 0, 0 };
        for (unsigned i = 0; i < cpu_count; i++) {
            const struct exit_stat *stat = &cpu_table[i]->records.stats.exit[origin][reason];
            sum.count += stat->count;
            sum.instr += stat->instr;
            sum.vmreads += stat->vmreads;
            sum.vmwrites += stat->vmwrites;
        }
        l0_instr += sum.instr;
        if (sum.count == 0)
            continue;
        log_line(LOG_INFO, "stat exit origin=%s reason=%s count=%lu l0_instr=%lu vmreads=%lu vmwrites=%lu",
                 origin == ORIGIN_PAL ? "PAL" : origin == ORIGIN_L2 ? "L2" : "L1", exit_reason_name(reason), sum.count, sum.instr, sum.vmreads, sum.vmwrites);
    }
    return l0_instr;
}

void stats_print(const char *stage)
{
    static uint32_t printed;
    if (__atomic_exchange_n(&printed, 1, __ATOMIC_SEQ_CST))
        return;
    uint64_t l0_instr = print_exits(ORIGIN_L1), total = 0;
    l0_instr += print_exits(ORIGIN_L2) + print_exits(ORIGIN_PAL);
    for (unsigned p = 0; p < partition_count(); p++) {
        struct message_stat sum = { 0, 0 };
        for (unsigned i = 0; i < cpu_count; i++) {
            sum.count += cpu_table[i]->records.stats.message[p].count;
            sum.instr += cpu_table[i]->records.stats.message[p].instr;
        }
        log_line(LOG_INFO, "stat message partition=%s count=%lu instr=%lu", partition_at(p)->name, sum.count, sum.instr);
    }
    for (unsigned i = 0; i < cpu_count; i++)
        if (cpu_table[i]->launched)
            total += tsc_read() - cpu_table[i]->launch_tsc;
    log_line(LOG_INFO, "stat memory bytes=%lu pool_free=%lu", hidden_bytes, (uint64_t)(pool_free_pages() * PAGE_BYTES));
    log_line(LOG_INFO, "stat l0 instr=%lu total_tsc=%lu", l0_instr, total);
    log_line(LOG_INFO, "stage %s", stage);
    log_flush();
}
