// SPDX-License-Identifier: BSD-2-Clause
// bhctl status: what runs, and how it is doing.

#include "command.h"

#define KIB(bytes) ((unsigned long long)(bytes) >> 10)

static const char *state_name(uint32_t state)
{
    static const char *const name[] = { [PARTITION_READY] = "ready", [PARTITION_STOPPING] = "restarting", [PARTITION_PARKED] = "parked",
                                        [PARTITION_DORMANT] = "dormant" };
    return state < sizeof(name) / sizeof(name[0]) ? name[state] : "unknown";
}

const char *command_status(FILE *out, const struct records_machine *machine, char why[REGION_WHY])
{
    struct stats sum;
    (void)why;
    if (!stats_sum(machine, &sum))
        return "the statistics can't be read";
    fprintf(out, "Bulkhead    %s, ABI %u\n", machine->version, machine->abi);
    fprintf(out, "workload    %s\n", machine->workload);
    fprintf(out, "CPUs        %u\n", machine->cpu_count);
    fprintf(out, "memory      %llu KiB of L0 at 0x%llx, %llu KiB of it free\n", KIB(machine->hidden_bytes), (unsigned long long)machine->hidden_base,
            KIB(machine->free_pages * PAGE_BYTES));
    if (machine->vtd_units)
        fprintf(out, "DMA         protected by %u VT-d units, %u requests refused\n", machine->vtd_units, machine->dma_refused);
    else
        fprintf(out, "DMA         NOT PROTECTED: devices reach hidden memory and PALs\n");
    fprintf(out, "log         %llu lines, %llu lost\n", (unsigned long long)machine->log_head, (unsigned long long)machine->log_lost);
    fprintf(out, "\n%-16s %-10s %8s %14s\n", "partition", "state", "restarts", "messages");
    for (uint32_t i = 0; i < machine->partition_count; i++)
        fprintf(out, "%-16s %-10s %8u %14llu\n", machine->partition[i].name, state_name(machine->partition[i].state),
                machine->partition[i].restarts, (unsigned long long)sum.message[i].count);
    return NULL;
}
