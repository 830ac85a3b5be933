// SPDX-License-Identifier: BSD-2-Clause
// Statistics: summing over CPUs and printing.
#include "stats.h"

#include "cpu.h"
#include "log.h"
#include "msr.h"
#include "partition.h"
#include "pool.h"

#define QUADS (sizeof(struct stats) / sizeof(uint64_t))  // nothing but counters

void stats_print(const char *stage)
{
    static const char *const level[ORIGIN_COUNT] = { "L1", "L2", "PAL" };
    static struct stats sum;
    static uint32_t printed;
    uint64_t total = 0;
    if (__atomic_exchange_n(&printed, 1, __ATOMIC_SEQ_CST))
        return;
    for (unsigned i = 0; i < cpu_count; i++) {
        for (unsigned quad = 0; quad < QUADS; quad++)
            ((uint64_t *)&sum)[quad] += ((const uint64_t *)&cpu_table[i]->records.stats)[quad];
        if (cpu_table[i]->launched)
            total += tsc_read() - cpu_table[i]->launch_tsc;
    }
    for (unsigned row = 0; row < ORIGIN_COUNT * EXIT_REASON_COUNT; row++) {
        const unsigned origin = row / EXIT_REASON_COUNT, reason = row % EXIT_REASON_COUNT;
        const struct exit_stat *stat = &sum.exit[origin][reason];
        if (stat->count != 0)
            log_line(LOG_INFO, "stat exit origin=%s reason=%s count=%lu l0_instr=%lu vmreads=%lu vmwrites=%lu", level[origin], exit_reason_name(reason),
                     stat->count, stat->instr, stat->vmreads, stat->vmwrites);
    }
    for (unsigned p = 0; p < partition_count(); p++)
        log_line(LOG_INFO, "stat message partition=%s count=%lu instr=%lu", partition_at(p)->name, sum.message[p].count, sum.message[p].instr);
    log_line(LOG_INFO, "stat memory bytes=%lu pool_free=%lu dma_refused=%u", boot_info->hidden_bytes, (uint64_t)(pool_free_pages() * PAGE_BYTES), records->machine.dma_refused);
    log_line(LOG_INFO, "stat l0 total_tsc=%lu", total);
    log_line(LOG_INFO, "stage %s", stage);
    log_flush();
}
