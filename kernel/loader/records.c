// SPDX-License-Identifier: BSD-2-Clause
// Starts the records.
#include "records.h"

#include "../cpu.h"
#include "msr.h"
#include "text.h"

bool records_make(struct boot_info *info, struct memory *memory, const char *workload, uint64_t boot_time)
{
    struct records_own *records = (struct records_own *)(uintptr_t)memory_take(memory, sizeof(*records));
    if (!records)
        return false;
    info->records = (uintptr_t)records;
    struct records_machine *machine = &records->machine;
    *machine = (struct records_machine){
        .magic = RECORDS_MAGIC, .abi = CAP_ABI, .bytes = (uint32_t)(RECORDS_RING_BASE(info->cpu_count, info->partition_count, 0) - RECORDS_BASE), .version = BULKHEAD_VERSION,
        .cpu_count = info->cpu_count, .partition_count = info->partition_count, .base = info->records, .crash_base = info->crash_base,
        .hidden_base = memory->base, .hidden_bytes = memory->bytes, .vtd_units = info->vtd_count, .boot_tsc = tsc_read(), .boot_time = boot_time,
    };
    text_format(machine->workload, sizeof(machine->workload), "%s", workload);
    for (uint32_t i = 0; i < info->cpu_count; i++)
        machine->cpu_base[i] = info->cpu_blocks + i * (uint64_t)CPU_BLOCK_BYTES + offsetof(struct cpu, records);
    for (uint32_t i = 0; i < info->partition_count; i++) {
        text_format(machine->partition[i].name, CAP_NAME, "%s", info->partition[i].header.name);
        machine->partition[i].state = info->loadable >> i & 1 ? PARTITION_DORMANT : PARTITION_STOPPING;  // until MSG_INIT is answered
        machine->injectable |= (uint64_t)info->inject[i].on_request << i;
    }
    for (uint64_t i = 0; i < RECORDS_LINES; i++)
        records->log[i].turn = i;
    return true;
}

void records_free(const struct boot_info *info)
{
    ((struct records_own *)(uintptr_t)info->records)->machine.free_pages = info->free_bytes / PAGE_BYTES;
}
