// SPDX-License-Identifier: BSD-2-Clause
// Handing messages over: what isn't done for every exit (handover.h).

#include "ipc.h"

#include "debug.h"
#include "exit.h"
#include "fault_inject.h"
#include "handover.h"
#include "route.h"
#include "vector_insn.h"
#include "vmcs02.h"
#include "watchdog.h"

// What the hardware would have written.
void ipc_show_event(const struct cpu *cpu, uint64_t bank[VMCS_FIELD_COUNT])
{
    bank[VMCS_EXIT_REASON] = cpu->reason;
    bank[VMCS_EXIT_INTR_INFO] = EVENT_EXIT_INTR_INFO(cpu->reason);
    bank[VMCS_EXIT_QUALIFICATION] = 0;
    bank[VMCS_IDT_VECTORING_INFO] = 0;
}

uint32_t ipc_root(const struct vmcs02 *vmcs02, const struct partition *partition)
{
    uint32_t root = vmcs02_root(vmcs02) - partition->root_first;
    return root < partition->header.root_count ? root : ROOT_NONE;
}

// Its partition has given the VMCS02 up, at the message's earlier attempt: another CPU may have it, or be about to, and a VMCS is on one CPU at a time
// (SDM 3C 25.1 "Overview"). What that attempt told is in its slot, as the partition fetched it; only the kernel writes there.
void ipc_fields_before(const struct partition_cpu *slot, struct request *request)
{
    const struct request *before = &slot->channel->request[ring_slot(slot->sequence - 1)].request;
    if (before->kind == MSG_INIT)
        before = &slot->channel->request[ring_slot(slot->sequence - 2)].request;
    request->tag = before->tag;
    request->root = before->root;
    memory_copy(request->field[0], before->field[0], sizeof(request->field[0]));
}

// With vector registers, debugged, with a counter as the watchdog, or with what only tests ask for.
int64_t ipc_upcall_special(struct cpu *cpu, struct partition *partition, struct partition_cpu *slot, uint64_t request)
{
    struct debug_guest guest;
    struct watchdog_loan loan;
    uint64_t entry = partition->injected ? fault_inject_entry(partition, slot, partition->entry) : partition->entry;
    if (partition->header.rights & RIGHT_VECTORS)
        cr0_write(vmx_caps->host_cr0 & ~CR0_TS);
    if (partition->debugged)
        debug_begin(&guest);
    watchdog_borrow(cpu, &loan);
    int64_t end = (slot->steps > 0 ? upcall_step : upcall)(cpu->index, request, entry, slot->stack, request + offsetof(struct channel, reply), cpu_rsp0(cpu));
    while (end == UPCALL_STOPPED)
        end = debug_stopped(cpu, partition, slot);
    watchdog_return(cpu, &loan);
    if (partition->debugged)
        debug_end(slot, &guest);
    if (partition->header.rights & RIGHT_VECTORS)
        cr0_write(vmx_caps->host_cr0);
    fault_inject_end(slot);
    return end;
}

enum status ipc_attempt(struct cpu *cpu, struct partition *partition, const struct message *message, uint8_t attempt, struct answer *answer)
{
    struct event *event = event_message(cpu, partition);
    enum status status = hand_over(cpu, partition, partition->slot[cpu->index], message, message, message->flags & REQUEST_OBSERVED, attempt, cpu->partition, event, answer, NULL, NULL);
    event->status = status & 15;
    event->end = EVENT_END(cpu->level, tsc_since(event->tsc));
    return status;
}

// After so many faults: whether there is something left to try.
static bool try_again(struct message *message, unsigned faults)
{
    if (faults == 1)
        return true;
    if (faults > 2 || message->kind == MSG_CALL)
        return false;
    message->kind = MSG_KILL;
    return true;
}

enum status ipc_give_up(const struct partition *partition, struct partition_cpu *slot)
{
    if (slot->torn && partition->header.rights & RIGHT_VECTORS)
        insn_vectors_reset(vmx_caps->host_cr0);
    slot->torn = false;
    return STATUS_FAULTED;
}

enum status ipc_send_again(struct cpu *cpu, struct partition *partition, const struct message *message, enum status status, struct answer *answer)
{
    struct partition_cpu *slot = partition->slot[cpu->index];
    struct message again = *message;
    unsigned faults = 0;
    do {
        if (status != STATUS_BUSY) {  // BUSY: nothing wrong with this message: again when the partition is back
            partition_restart(partition, cpu);
            if (!try_again(&again, ++faults)) {
                if (again.kind != MSG_CALL)
                    partition_park(partition);
                return ipc_give_up(partition, slot);
            }
        }
        if (!partition_enter(partition, slot))
            return ipc_give_up(partition, slot);
        status = ipc_attempt(cpu, partition, &again, 1, answer);
        slot->incomplete = status != STATUS_OK;
        partition_leave(slot);
    } while (status != STATUS_OK);
    slot->torn = false;
    answer->killed = again.kind == MSG_KILL;
    return STATUS_OK;
}

enum status ipc_send(struct cpu *cpu, struct partition *partition, const struct message *message, struct answer *answer)
{
    struct partition_cpu *slot = partition->slot[cpu->index];
    enum status status = STATUS_BUSY;
    if (partition_enter(partition, slot)) {
        status = ipc_attempt(cpu, partition, message, 0, answer);
        partition_leave(slot);
    }
    return status == STATUS_OK ? STATUS_OK : ipc_send_again(cpu, partition, message, status, answer);
}

void ipc_entry_failed(struct cpu *cpu, uint32_t instruction_error)
{
    struct vmcs02 *vmcs02 = cpu->vmcs02;
    struct partition *partition = partition_at(vmcs02->partition);
    const uint64_t arg[MSG_ARGS] = { instruction_error, vmcs02->owner_index };
    const struct message message = { .kind = MSG_ENTRY_FAILED, .origin = (uint8_t)cpu->level, .arg = arg };
    struct answer answer;
    // Whichever of VMLAUNCH and VMRESUME it was: the next one is a VMLAUNCH of a clear VMCS.
    vmcs_select(cpu, cpu->vmcs01);
    vmcs_clear(cpu, vmcs02->region);
    vmcs02->launched = false;
    if (ipc_send(cpu, partition, &message, &answer) != STATUS_OK)
        route_abandon_l2(cpu, "its partition is parked");
    else
        route_answer(cpu, partition, &answer);
}
