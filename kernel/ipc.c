// SPDX-License-Identifier: BSD-2-Clause
// Handing messages over.

#include "ipc.h"

#include "cr.h"
#include "descriptor_insn.h"
#include "exit.h"
#include "fault.h"
#include "fault_inject.h"
#include "group.h"
#include "host.h"
#include "invoke.h"
#include "memory.h"
#include "msr.h"
#include "partition.h"
#include "reply.h"
#include "route.h"
#include "vmcs.h"
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
static inline void build(struct cpu *cpu, const struct partition *partition, struct request *request, const struct message *message)
{
    request->cpu = cpu->index;
    request->reason = cpu->reason;
    request->from = message->from;
    request->groups = message->groups;
    request->groups_shadow = 0;
    if (message->arg != NULL)
        memory_copy(request->arg, message->arg, sizeof(request->arg));
    if (message->origin != ORIGIN_L1)
        name_l2(request, cpu, partition);
    if (message->groups & GROUP_GPR)
        memory_copy(request->gpr, cpu->gpr, sizeof(request->gpr));
    if (message->groups & ~GROUP_GPR) {
        vmcs_select(cpu, message->origin != ORIGIN_L1 ? cpu->vmcs02->region : cpu->vmcs01);
        group_read(cpu, message->groups & ~GROUP_GPR, request->field[0]);
        if (cpu->nmi_exit && message->kind == MSG_EXIT)
            show_nmi(request->field[0]);
    }
    if (message->groups_shadow != 0 && cpu->shadowing) {
        request->groups_shadow = message->groups_shadow;
        vmcs_select(cpu, cpu->shadow);
        group_read(cpu, message->groups_shadow, request->field[1]);
    }
}

// With what only tests ask for.
static int64_t upcall_injected(struct cpu *cpu, struct partition *partition, struct partition_cpu *slot, uint64_t request, uint64_t stack)
{
    uint64_t entry = fault_inject_entry(partition, slot, partition->entry);
    int64_t end = (slot->steps > 0 ? upcall_step : upcall)(cpu->index, request, entry, stack, request + offsetof(struct channel, reply), cpu_rsp0(cpu));
    fault_inject_end(slot);
    return end;
}

static inline int64_t run(struct cpu *cpu, struct partition *partition, struct partition_cpu *slot, uint64_t place)
{
    struct partition *outer = cpu->partition;
    uint64_t request = CHANNEL_BASE + cpu->index * CHANNEL_STRIDE + place, stack = STACK_BASE + (cpu->index + 1) * STACK_STRIDE;
    // A VM exit leaves a limit of 64 KiB (SDM 3C 28.5.2 "Loading Host Segment and Descriptor-Table Registers"): selectors would reach what lies behind.
    gdt_load(&cpu->gdtr);
    cpu->partition = partition;
    if (partition->header.rights & RIGHT_VECTORS)
        cr0_write(host_cr0() & ~CR0_TS);
    cr3_write(partition->cr3);
    int64_t end = __builtin_expect(partition->inject != NULL, 0) ? upcall_injected(cpu, partition, slot, request, stack)
        : upcall(cpu->index, request, partition->entry, stack, request + offsetof(struct channel, reply), cpu_rsp0(cpu));
    cpu->partition = outer;
    if (partition->header.rights & RIGHT_VECTORS)
        cr0_write(host_cr0());
    if (outer != NULL)
        cr3_write(outer->cr3);
    return end;
}

// Acts on a complete reply.
static inline enum status conclude(struct cpu *cpu, struct partition *partition, struct partition_cpu *slot, const struct message *message,
                                   const struct reply *reply, struct answer *answer)
{
    if (message->flags & REQUEST_OBSERVED)
        return STATUS_OK;
    struct batch *batch = cpu->batch;
    bool operations = *(const volatile uint16_t *)&reply->op_count != 0;
    enum status status = operations ? batch_decode(batch, cpu, partition, reply) : STATUS_OK;
    bool decoded = status == STATUS_OK;
    if (decoded)
        status = verdict_decode(cpu, partition, message, slot->sequence, reply, answer);
    if (status != STATUS_OK) {
        batch_abandon(batch);
        fault_reply(partition, cpu, decoded ? NULL : batch, reply, status);
        return STATUS_FAULTED;
    }
    answer->wrote_event = slot->wrote_event;
    if (operations) {
        (void)batch_invoke(batch, cpu);  // an MSR's refusal is of interest to who asks by SYS_INVOKE
        answer->wrote_event |= batch->wrote_event;
    }
    if (answer->set != 0)
        set_invoke(cpu, reply, answer->set);
    return STATUS_OK;
}

static inline __attribute__((always_inline)) enum status hand_over(struct cpu *cpu, struct partition *partition, struct partition_cpu *slot,
                                                                   const struct message *message, uint8_t attempt, struct answer *answer)
{
    uint64_t start = tsc_read(), place = ring_slot(++slot->sequence) * PAGE_BYTES;
    struct channel *channel = (struct channel *)((uintptr_t)slot->channel + place);  // as if its slot were the first
    if (!cpu->cr2_stale)
        cpu->gpr[GPR_CR2] = cr2_read();
    slot->attempt = attempt;
    slot->message = message;
    slot->wrote_event = false;
    channel->request[0].request.sequence = slot->sequence;
    channel->request[0].request.what = message->what;
    channel->request[0].request.attempt = attempt;
    build(cpu, partition, &channel->request[0].request, message);
    int64_t end = run(cpu, partition, slot, place);
    enum status status = end == UPCALL_REPLIED ? conclude(cpu, partition, slot, message, &channel->reply[0].reply, answer)
                       : end == UPCALL_ABORTED ? STATUS_BUSY : STATUS_FAULTED;
    if (status != STATUS_OK)
        slot->incomplete = true;
    cpu->records.stats.message[partition->index].count++;
    cpu->records.stats.message[partition->index].instr += tsc_read() - start;
    return status;
}

enum status ipc_attempt(struct cpu *cpu, struct partition *partition, const struct message *message, uint8_t attempt, struct answer *answer)
{
    return hand_over(cpu, partition, &partition->cpu[cpu->index], message, attempt, answer);
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

// The first attempt ended with that status.
static __attribute__((noinline)) enum status send_again(struct cpu *cpu, struct partition *partition, const struct message *message,
                                                        enum status status, struct answer *answer)
{
    struct message again = *message;
    unsigned faults = 0;
    do {
        if (status != STATUS_BUSY) {  // BUSY: nothing wrong with this message: again when the partition is back
            partition_restart(partition, cpu);
            if (!try_again(&again, ++faults)) {
                if (again.kind != MSG_CALL)
                    partition_park(partition);
                return STATUS_FAULTED;
            }
        }
        if (!partition_enter(partition, cpu))
            return STATUS_FAULTED;
        status = ipc_attempt(cpu, partition, &again, 1, answer);
        partition_leave(partition, cpu);
    } while (status != STATUS_OK);
    answer->killed = again.kind == MSG_KILL;
    return STATUS_OK;
}

enum status ipc_send(struct cpu *cpu, struct partition *partition, const struct message *message, struct answer *answer)
{
    answer->killed = false;
    if (!partition_enter(partition, cpu))
        return STATUS_FAULTED;
    enum status status = hand_over(cpu, partition, &partition->cpu[cpu->index], message, 0, answer);
    partition_leave(partition, cpu);
    return __builtin_expect(status == STATUS_OK, 1) ? STATUS_OK : send_again(cpu, partition, message, status, answer);
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
