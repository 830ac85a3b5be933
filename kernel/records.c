// SPDX-License-Identifier: BSD-2-Clause
// The records of the machine. Nothing but what partitions with RIGHT_RECORDS may read lies on these pages.
#include "records.h"

#include "memory.h"
#include "msr.h"

struct records_own records;

void records_init(const struct boot_info *info)
{
    struct records_machine *machine = &records.machine;
    *machine = (struct records_machine){
        .magic = RECORDS_MAGIC, .abi = CAP_ABI, .bytes = (uint32_t)(RECORDS_CPU_BASE(info->cpu_count) - RECORDS_BASE),
        .version = BULKHEAD_VERSION, .cpu_count = info->cpu_count, .base = info->kernel_base + ((uintptr_t)&records - KERNEL_BASE),
        .crash_base = info->crash_base, .hidden_base = info->hidden_base, .hidden_bytes = info->hidden_bytes, .boot_tsc = tsc_read(), .boot_time = info->boot_time,
    };
    memory_copy(machine->workload, info->workload, sizeof(machine->workload));
}
