// SPDX-License-Identifier: BSD-2-Clause
// Loading and unloading partitions while L1 runs. All that they need is allotted at boot.

#include "loadable.h"

#include <stddef.h>

#include <caps/layout.h>

#include "ept01.h"
#include "exit.h"
#include "ipc.h"
#include "log.h"
#include "memory.h"
#include "pool.h"
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

// Why it could not be stopped on the way to `wanted`.
static enum status refused(const struct partition *partition, enum partition_state wanted)
{
    uint32_t state = __atomic_load_n(&partition->record->state, __ATOMIC_SEQ_CST);
    return state == wanted ? STATUS_BAD_STATE : state == PARTITION_PARKED ? STATUS_FAULTED : STATUS_BUSY;
}

// It isn't occupied(): none of its pages is L1's, and the kernel's map of hidden memory reaches them all.
static void clear(struct partition *partition)
{
    space_scrub(&partition->space);
    for (uint32_t cpu = 0; cpu < cpu_count; cpu++) {
        partition->cpu[cpu].incomplete = partition->cpu[cpu].inject_again = false;
        for (unsigned slot = 0; slot < RING_SLOTS; slot++)  // but the CPU's number, which is there once and for all, and what message it was
            memory_fill(&partition->cpu[cpu].channel->request[slot].request.reason, 0, sizeof(struct request) - offsetof(struct request, reason));
    }
    if (partition->inject.on_request)
        partition->injections = 0;
}

static enum status load(struct partition *partition, struct cpu *cpu)
{
    if (!partition_stop(partition, cpu, PARTITION_DORMANT))
        return refused(partition, PARTITION_READY);
    partition->record->restarts = 0;
    if (partition->header.seed != 0)  // within the state region: loader/elf_partition.c
        memory_copy((uint8_t *)hidden_va(partition->space.state) + (partition->header.seed - STATE_BASE), &partition->seed, sizeof(struct seed));
    enum status status = partition_begin(partition, cpu);
    if (status != STATUS_OK)
        status = ipc_give_up(partition, partition->slot[cpu->index]);
    if (status == STATUS_OK)
        route_link(partition, true);
    else if (occupied(partition))  // what its init has taken stays away from L1
        partition_park(partition);
    else
        clear(partition);
    return partition_settle(partition, status == STATUS_OK ? PARTITION_READY : PARTITION_DORMANT) ? status : STATUS_FAULTED;
}

static enum status unload(struct partition *partition, struct cpu *cpu)
{
    if (occupied(partition))
        return STATUS_BUSY;
    if (!partition_stop(partition, cpu, PARTITION_READY))
        return refused(partition, PARTITION_DORMANT);
    if (occupied(partition)) {  // a message has done so meanwhile
        partition_revive(partition, cpu);
        return STATUS_BUSY;
    }
    route_link(partition, false);
    clear(partition);
    return partition_settle(partition, PARTITION_DORMANT) ? STATUS_OK : STATUS_FAULTED;
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
