// SPDX-License-Identifier: BSD-2-Clause
// Handing messages over.

#include "ipc.h"

#include "cr.h"
#include "descriptor_insn.h"
#include "exit.h"
#include "fault.h"
#include "fault_inject.h"
#include "group.h"
#include "invoke.h"
#include "memory.h"
#include "msr.h"
#include "partition.h"
#include "reply.h"
#include "route.h"
#include "shadow.h"
#include "upcall.h"
#include "vmcs02.h"

// An NMI exit that no VMCS shows: the fields are what the hardware would have written.
static void show_nmi(uint64_t bank[VMCS_FIELD_COUNT])
{
    bank[VMCS_EXIT_REASON] = EXIT_EXCEPTION_OR_NMI;
    bank[VMCS_EXIT_INTR_INFO] = NMI_EXIT_INTR_INFO;
    bank[VMCS_EXIT_QUALIFICATION] = 0;
    bank[VMCS_IDT_VECTORING_INFO] = 0;
}

static void name_l2(struct request *request, const struct cpu *cpu, const struct partition *partition)
{
    const struct vmcs02 *vmcs02 = cpu->vmcs02;
    uint32_t root = vmcs02_root(vmcs02);
    request->vmcs02 = vmcs02->owner_index;
    request->tag = vmcs02->tag;
    request->root = root - partition->root_first < partition->header.root_count ? root - partition->root_first : ROOT_NONE;
}

// Fills the next request slot: just what the message names. What the slot held of earlier messages stays; a partition has seen it.
static void build(struct cpu *cpu, const struct partition *partition, struct partition_cpu *slot, const struct message *message)
{
    struct request *request = &slot->channel->request[ring_slot(slot->sequence)].request;
    request->sequence = slot->sequence;
    request->what = message->what;
    request->attempt = slot->attempt;
    request->cpu = cpu->index;
    request->reason = cpu->reason;
    request->from = message->from;
    request->groups = message->groups;
    request->groups_shadow = 0;
    if (message->arg != NULL)
        memory_copy(request->arg, message->arg, sizeof(request->arg));
    if (message->origin == ORIGIN_L2)
        name_l2(request, cpu, partition);
    if (message->groups & GROUP_GPR)
        memory_copy(request->gpr, cpu->gpr, sizeof(request->gpr));
    if (message->groups & ~GROUP_GPR) {
        shadow_select(cpu, message->origin == ORIGIN_L2 ? cpu->vmcs02->region : cpu->vmcs01);
        group_read(cpu, message->groups & ~GROUP_GPR, request->field[0]);
        if (cpu->nmi_exit && message->kind == MSG_EXIT)
            show_nmi(request->field[0]);
    }
    if (message->groups_shadow != 0 && cpu->shadowing) {
        request->groups_shadow = message->groups_shadow;
        shadow_select(cpu, cpu->shadow);
        group_read(cpu, message->groups_shadow, request->field[1]);
    }
}

static int64_t run(struct cpu *cpu, struct partition *partition, struct partition_cpu *slot)
{
    struct partition *outer = cpu->partition;
    uint64_t channel = CHANNEL_BASE + cpu->index * CHANNEL_STRIDE, place = ring_slot(slot->sequence) * PAGE_BYTES;
    uint64_t stack = STACK_BASE + (cpu->index + 1) * STACK_STRIDE, entry = partition->entry;
    if (partition->inject != NULL)
        entry = fault_inject_entry(partition, slot, entry);
    // A VM exit leaves a limit of 64 KiB (SDM 3C 28.5.2 "Loading Host Segment and Descriptor-Table Registers"): selectors would reach what lies behind.
    gdt_load((struct table_register){ sizeof(cpu->gdt) - 1, (uintptr_t)cpu->gdt });
    cpu->partition = partition;
    cr3_write(partition->cr3);
    int64_t end = (slot->steps > 0 ? upcall_step : upcall)(cpu->index, channel + place, entry, stack,
                                                           channel + offsetof(struct channel, reply) + place,
                                                           cpu_rsp0(cpu));
    cpu->partition = outer;
    if (outer != NULL)
        cr3_write(outer->cr3);
    if (partition->inject != NULL)
        fault_inject_end(slot);
    return end;
}

// Acts on a complete reply.
static enum status conclude(struct cpu *cpu, struct partition *partition, struct partition_cpu *slot, const struct message *message,
                            struct answer *answer)
{
    if (message->flags & REQUEST_OBSERVED)
        return STATUS_OK;
    const struct reply *reply = &slot->channel->reply[ring_slot(slot->sequence)].reply;
    struct batch *batch = cpu->batch;
    enum status status = batch_decode(batch, cpu, partition, reply);
    bool operations = status == STATUS_OK;
    if (operations)
        status = verdict_decode(cpu, partition, message, slot->sequence, reply, answer);
    if (status != STATUS_OK) {
        batch_abandon(batch);
        fault_reply(partition, cpu, operations ? NULL : batch, reply, status);
        return STATUS_FAULTED;
    }
    (void)batch_invoke(batch, cpu);  // an MSR's refusal is of interest to who asks by SYS_INVOKE
    answer->wrote_event = slot->wrote_event || batch->wrote_event;
    if (answer->set != 0)
        set_invoke(cpu, reply, answer->set);
    return STATUS_OK;
}

enum status ipc_attempt(struct cpu *cpu, struct partition *partition, const struct message *message, uint8_t attempt, struct answer *answer)
{
    struct partition_cpu *slot = &partition->cpu[cpu->index];
    uint64_t start = tsc_read();
    slot->sequence++;
    slot->attempt = attempt;
    slot->message = message;
    slot->wrote_event = false;
    build(cpu, partition, slot, message);
    int64_t end = run(cpu, partition, slot);
    enum status status = end == UPCALL_REPLIED ? conclude(cpu, partition, slot, message, answer)
                       : end == UPCALL_ABORTED ? STATUS_BUSY : STATUS_FAULTED;
    if (status != STATUS_OK)
        slot->incomplete = true;
    cpu->records.stats.message[partition->index].count++;
    cpu->records.stats.message[partition->index].instr += tsc_read() - start;
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

enum status ipc_send(struct cpu *cpu, struct partition *partition, const struct message *message, struct answer *answer)
{
    struct message again;
    uint8_t attempt = 0;
    for (unsigned faults = 0;;) {
        if (!partition_enter(partition, cpu))
            return STATUS_FAULTED;
        enum status status = ipc_attempt(cpu, partition, message, attempt, answer);
        __atomic_store_n(&partition->cpu[cpu->index].inside, 0, __ATOMIC_RELEASE);
        answer->killed = message->kind == MSG_KILL;
        if (status == STATUS_OK)
            return STATUS_OK;
        attempt = 1;
        if (message != &again) {
            again = *message;
            message = &again;
        }
        if (status == STATUS_BUSY)  // nothing wrong with this message: again when the partition is back
            continue;
        partition_restart(partition, cpu);
        if (!try_again(&again, ++faults)) {
            if (again.kind != MSG_CALL)
                partition_park(partition);
            return STATUS_FAULTED;
        }
    }
}

void ipc_entry_failed(struct cpu *cpu, uint32_t instruction_error)
{
    struct vmcs02 *vmcs02 = cpu->vmcs02;
    struct partition *partition = partition_at(vmcs02->partition);
    const uint64_t arg[MSG_ARGS] = { instruction_error, vmcs02->owner_index };
    const struct message message = { .kind = MSG_ENTRY_FAILED, .origin = ORIGIN_L2, .arg = arg };
    struct answer answer;
    // Whichever of VMLAUNCH and VMRESUME it was: the next one is a VMLAUNCH of a clear VMCS.
    shadow_select(cpu, cpu->vmcs01);
    vmcs_clear(cpu, vmcs02->region);
    vmcs02->launched = false;
    if (ipc_send(cpu, partition, &message, &answer) != STATUS_OK)
        route_abandon_l2(cpu, "its partition is parked");
    else
        route_answer(cpu, partition, &answer);
}
