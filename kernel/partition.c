// SPDX-License-Identifier: BSD-2-Clause
// The life of a partition: its messages' way in, its faults, its restarts.

#include "partition.h"

#include <caps/layout.h>

#include "cr.h"
#include "debug.h"
#include "ept02.h"
#include "fault.h"
#include "fault_inject.h"
#include "inject.h"
#include "ipc.h"
#include "log.h"
#include "memory.h"
#include "msr.h"
#include "shootdown.h"
#include "upcall.h"
#include "watchdog.h"

#define KICK_TICKS 1000000ull   // between two NMIs to CPUs that are to leave a partition

static uint32_t state_of(const struct partition *partition) { return __atomic_load_n(&partition->record->state, __ATOMIC_SEQ_CST); }

// From partition_enter(), which has found it not ready.
bool partition_wait(struct partition *partition, struct partition_cpu *slot)
{
    do {
        __atomic_store_n(&slot->inside, 0, __ATOMIC_SEQ_CST);
        if (state_of(partition) >= PARTITION_PARKED)
            return false;
        while (state_of(partition) == PARTITION_STOPPING)
            __builtin_ia32_pause();
        __atomic_exchange_n(&slot->inside, 1, __ATOMIC_SEQ_CST);
    } while (state_of(partition) != PARTITION_READY);
    return true;
}

bool partition_stopping(const struct partition *partition, const struct cpu *cpu)
{
    const uint32_t state = state_of(partition);
    return state == PARTITION_PARKED || (state != PARTITION_READY && partition->restarter != cpu->index);
}

// Until no CPU is inside. One that computes in ring 3 only an NMI reaches; it may have been in the kernel when the last one came.
static void wait_until_empty(const struct partition *partition)
{
    uint64_t kicked = 0;
    for (uint32_t i = 0; i < cpu_count; i++) {
        while (__atomic_load_n(&partition->cpu[i].inside, __ATOMIC_SEQ_CST)) {
            if (kicked == 0 || tsc_read() - kicked > KICK_TICKS) {
                shootdown();
                kicked = tsc_read();
            }
            __builtin_ia32_pause();
        }
    }
}

static uint64_t take_incomplete(struct partition *partition)
{
    uint64_t cpus = 0;
    for (uint32_t i = 0; i < cpu_count; i++) {
        cpus |= (uint64_t)partition->cpu[i].incomplete << i;
        partition->cpu[i].incomplete = false;
    }
    return cpus;
}

static enum status send_init(struct partition *partition, struct cpu *cpu, uint64_t incomplete)
{
    const uint64_t arg[MSG_ARGS] = { partition->record->restarts, incomplete };
    const struct message message = { .kind = MSG_INIT, .origin = (uint8_t)cpu->level, .arg = arg };
    const struct message *outer = partition->cpu[cpu->index].message;
    struct answer answer;
    __atomic_exchange_n(&partition->cpu[cpu->index].inside, 1, __ATOMIC_SEQ_CST);  // who parks it meanwhile, as at the machine's end, waits for this CPU as well
    enum status status = partition_stopping(partition, cpu) ? STATUS_BUSY : ipc_attempt(cpu, partition, &message, 0, &answer);
    partition_leave(&partition->cpu[cpu->index]);
    partition->cpu[cpu->index].message = outer;
    if (status == STATUS_OK && answer.status != STATUS_OK) {
        log_line(LOG_ERROR, "partition %s: init ends with: %s", partition->name, status_text((enum status)answer.status));
        status = STATUS_FAULTED;
    }
    return status;
}

static bool change_state(struct partition *partition, uint32_t from, uint32_t to)
{
    return __atomic_compare_exchange_n(&partition->record->state, &from, to, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

bool partition_stop(struct partition *partition, struct cpu *cpu, enum partition_state from)
{
    if (!change_state(partition, from, PARTITION_STOPPING))
        return false;
    partition->restarter = cpu->index;
    wait_until_empty(partition);
    return true;
}

enum status partition_begin(struct partition *partition, struct cpu *cpu)
{
    space_load(partition->image);
    return send_init(partition, cpu, take_incomplete(partition));
}

bool partition_settle(struct partition *partition, enum partition_state state)
{
    partition->restarter = CPU_MAX;
    return change_state(partition, PARTITION_STOPPING, state);
}

void partition_revive(struct partition *partition, struct cpu *cpu)
{
    partition->record->restarts++;
    log_line(LOG_WARN, "restart partition=%s count=%u", partition->name, partition->record->restarts);
    if (partition_begin(partition, cpu) != STATUS_OK)
        partition_park(partition);
    (void)partition_settle(partition, PARTITION_READY);
}

void partition_restart(struct partition *partition, struct cpu *cpu)
{
    if (partition_stop(partition, cpu, PARTITION_READY))
        partition_revive(partition, cpu);
    while (state_of(partition) == PARTITION_STOPPING)
        __builtin_ia32_pause();
}

void partition_park(struct partition *partition)
{
    struct ept02_work work = EPT02_WORK;
    uint32_t state = state_of(partition);
    while (state < PARTITION_PARKED && !change_state(partition, state, PARTITION_PARKED))
        state = state_of(partition);
    if (state < PARTITION_PARKED)
        log_line(LOG_ERROR, "park partition=%s: it stays stopped", partition->name);
    wait_until_empty(partition);  // who is inside may wait for one that won't come in again
    for (uint32_t i = 0; i < partition->header.root_count; i++)  // nobody takes out of them any more what L1 takes away from its L2s
        ept02_drop(partition->root_first + i, &work);
    ept02_finish(&work);
}

bool partition_secrets(void)
{
    uint32_t rights = 0;
    for (uint32_t i = 0; i < partition_count(); i++)
        rights |= partition_at(i)->header.rights;
    return rights & RIGHT_SECRETS;
}

void partitions_scrub(bool others_run)
{
    for (uint32_t i = 0; i < partition_count(); i++) {
        struct partition *partition = partition_at(i);
        if (!(partition->header.rights & RIGHT_SECRETS))
            continue;
        __atomic_store_n(&partition->record->state, PARTITION_PARKED, __ATOMIC_SEQ_CST);
        if (others_run)
            wait_until_empty(partition);
        cr4_write(cr4_read() & ~CR4_SMAP);
        cr3_write(partition->cr3);
        memory_fill(&partition->seed, 0, sizeof(partition->seed));  // first: a load on another CPU would put it where it is scrubbed already
        space_scrub(&partition->space);
        shootdown();  // a PAL that runs still has no page tables any more, and leaves: what it has written since goes as well
        space_scrub(&partition->space);
        for (uint32_t cpu = 0; cpu < cpu_count; cpu++)
            memory_fill(partition->cpu[cpu].channel, 0, sizeof(struct channel));
        log_line(LOG_INFO, "scrub partition=%s", partition->name);
    }
}

enum status partitions_start(struct cpu *cpu)
{
    for (uint32_t i = 0; i < partition_count(); i++) {
        struct partition *partition = partition_at(i);
        if (state_of(partition) == PARTITION_DORMANT)
            continue;
        partition->restarter = cpu->index;
        if (send_init(partition, cpu, 0) != STATUS_OK)
            return STATUS_FAULTED;
        partition_settle(partition, PARTITION_READY);
        log_line(LOG_INFO, "stage partition name=%s state=ready", partition->name);
    }
    return STATUS_OK;
}

// A fault on L1's memory where the partition expects one.
static bool window_fault(const struct partition *partition, unsigned vector, uint64_t cr2, const struct trap_frame *frame)
{
    const struct partition_header *header = &partition->header;
    return vector == VECTOR_PF && header->fixup_resume != 0 && cr2 >= WINDOW_BASE && cr2 < WINDOW_BASE + WINDOW_BYTES &&
           frame->rip >= header->fixup_first && frame->rip < header->fixup_last;
}

_Noreturn void partition_trap(struct cpu *cpu, unsigned vector, uint64_t error, uint64_t cr2, struct trap_frame *frame)
{
    struct partition *partition = cpu->partition;
    struct partition_cpu *slot = &partition->cpu[cpu->index];
    cpu->cr2_stale |= vector == VECTOR_PF;
    if (vector == VECTOR_DB && slot->steps > 0 && partition->injected) {
        if (fault_inject_step(partition, slot, frame))
            trap_resume(frame);
        vector = 6;  // as if the next instruction were undefined
    }
    if (window_fault(partition, vector, cr2, frame)) {
        frame->rip = partition->header.fixup_resume;
        trap_resume(frame);
    }
    if (boot_info->debug == 0 || !debug_trap(cpu, partition, vector, cr2, frame))
        fault_trap(partition, cpu, vector, error, cr2, frame);
    upcall_return(UPCALL_FAULTED, cpu->tss.rsp0);
}

void partition_nmi(struct cpu *cpu, struct trap_frame *frame)
{
    if (partition_stopping(cpu->partition, cpu))
        upcall_return(UPCALL_ABORTED, cpu->tss.rsp0);
    if (watchdog_expired(cpu)) {
        fault_trap(cpu->partition, cpu, VECTOR_NMI, 0, 0, frame);
        upcall_return(UPCALL_FAULTED, cpu->tss.rsp0);
    }
}
