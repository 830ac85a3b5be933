// SPDX-License-Identifier: BSD-2-Clause
// Loading and unloading partitions while L1 runs. All that they need is allotted at boot.

#include "loadable.h"

#include <stddef.h>

#include "ept01.h"
#include "exit.h"
#include "log.h"
#include "memory.h"
#include "route.h"
#include "vmcs02.h"

// One partition at most may take pages (loader/authority.c).
static bool occupied(const struct partition *partition)
{
    bool held = (partition->header.rights & RIGHT_PAL) && ept01_taken() > 0;
    for (uint32_t i = 0; i < partition->header.vmcs02_count; i++)
        held |= vmcs02_at(partition->vmcs02_first + i)->active_cpu != VMCS02_NO_CPU;
    return held;
}

// None of its pages is L1's: the kernel's map of hidden memory reaches them all.
static void clear(struct partition *partition)
{
    space_scrub(&partition->space);
    for (uint32_t cpu = 0; cpu < cpu_count; cpu++) {
        partition->cpu[cpu].incomplete = false;
        for (unsigned slot = 0; slot < RING_SLOTS; slot++)  // all but the CPU's number, which is there once and for all
            memory_fill(&partition->cpu[cpu].channel->request[slot].request.reason, 0, sizeof(struct request) - offsetof(struct request, reason));
    }
}

static enum status load(struct partition *partition, struct cpu *cpu)
{
    if (!partition_stop(partition, cpu, PARTITION_DORMANT))
        return STATUS_BAD_STATE;
    partition->record->restarts = 0;
    enum status status = partition_begin(partition, cpu);
    if (status == STATUS_OK)
        route_link(partition, true);
    else
        clear(partition);
    partition_settle(partition, status == STATUS_OK ? PARTITION_READY : PARTITION_DORMANT);
    return status;
}

static enum status unload(struct partition *partition, struct cpu *cpu)
{
    if (occupied(partition))
        return STATUS_BUSY;
    if (!partition_stop(partition, cpu, PARTITION_READY))
        return STATUS_BAD_STATE;
    if (occupied(partition)) {  // a message has done so meanwhile
        partition_revive(partition, cpu);
        return STATUS_BUSY;
    }
    route_link(partition, false);
    clear(partition);
    partition_settle(partition, PARTITION_DORMANT);
    return STATUS_OK;
}

enum status loadable_set(struct partition *partition, struct cpu *cpu, bool on)
{
    static bool busy;
    if (__atomic_test_and_set(&busy, __ATOMIC_ACQUIRE))
        return STATUS_BUSY;
    enum status status = on ? load(partition, cpu) : unload(partition, cpu);
    exit_routes();
    __atomic_clear(&busy, __ATOMIC_RELEASE);
    log_line(LOG_INFO, "%s partition=%s: %s", on ? "load" : "unload", partition->name, status_text(status));
    return status;
}
