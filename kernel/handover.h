// SPDX-License-Identifier: BSD-2-Clause
// Handing a message over once: request, upcall, reply. Inline in who sends most of them.
#pragma once

#include "cr.h"
#include "descriptor_insn.h"
#include "event.h"
#include "fault.h"
#include "group.h"
#include "invoke.h"
#include "ipc.h"
#include "memory.h"
#include "msr.h"
#include "partition.h"
#include "upcall.h"
#include "verdict.h"

// ipc.c, for what is rarer: an L2's root, as its partition names it; the fields of an exit that no VMCS shows; those of a message that comes again when its
// VMCS02 was given up; an upcall of partition->special.
uint32_t ipc_root(const struct vmcs02 *vmcs02, const struct partition *partition);
void ipc_show_event(const struct cpu *cpu, uint64_t bank[VMCS_FIELD_COUNT]);
void ipc_fields_before(const struct partition_cpu *slot, struct request *request);
int64_t ipc_upcall_special(struct cpu *cpu, struct partition *partition, struct partition_cpu *slot, uint64_t request);

// Fills the next request slot: just what the message names. What the slot held of earlier messages stays; a partition has seen it.
static inline __attribute__((always_inline)) void request_build(struct cpu *cpu, const struct partition *partition, struct request *request,
                                                                const struct message *message, const struct message *known, uint8_t attempt)
{
    const uint64_t groups = message->groups;
    request->reason = cpu->reason;
    request->groups = groups;
    request->groups_shadow = 0;
    if (known->arg != NULL) {
        request->from = message->from;
        memory_copy(request->arg, message->arg, sizeof(request->arg));
    }
    if (known->origin != ORIGIN_L1) {
        request->vmcs02 = cpu->vmcs02->owner_index;
        request->tag = cpu->vmcs02->tag;
        request->root = partition->header.root_count == 0 ? ROOT_NONE : ipc_root(cpu->vmcs02, partition);
    }
    if (__builtin_expect((groups & GROUP_GPR) != 0, 1))
        memory_copy(request->gpr, cpu->gpr, sizeof(request->gpr));
    if ((attempt == 0 && message->list.first != NULL) || (groups & ~GROUP_GPR)) {
        const bool given_up = attempt != 0 && known->origin != ORIGIN_L1 && cpu->vmcs02->active_cpu != cpu->index;
        if (!given_up)
            vmcs_select(cpu, known->origin != ORIGIN_L1 ? cpu->vmcs02->region : cpu->vmcs01);
        if (attempt == 0 && message->list.first != NULL)
            group_read_exit(cpu, groups, &message->list, request->field[0]);
        else if (given_up)
            ipc_fields_before(partition->slot[cpu->index], request);
        else  // who has had the message of this exit before may have written there
            group_read(cpu, groups & ~GROUP_GPR, request->field[0]);
        if (known->origin != ORIGIN_L1 && cpu->event_exit && known->kind == MSG_EXIT)
            ipc_show_event(cpu, request->field[0]);
    }
    if (message->groups_shadow != 0 && cpu->shadowing) {
        request->groups_shadow = message->groups_shadow;
        vmcs_select(cpu, cpu->shadow);
        if (message->list_shadow.first != NULL)
            group_read_list(cpu, &message->list_shadow, request->field[1]);
        else
            group_read(cpu, message->groups_shadow, request->field[1]);
    }
}

static inline __attribute__((always_inline)) int64_t partition_run(struct cpu *cpu, struct partition *partition, struct partition_cpu *slot, uint64_t place,
                                                                   struct partition *outer)
{
    uint64_t request = slot->request + place;
    // A VM exit leaves a limit of 64 KiB (SDM 3C 28.5.2 "Loading Host Segment and Descriptor-Table Registers"): selectors would reach what lies behind.
    gdt_load(&cpu->gdtr);
    cpu->partition = partition;
    cr3_write(partition->cr3);
    int64_t end = __builtin_expect(partition->special, 0) ? ipc_upcall_special(cpu, partition, slot, request)
        : upcall(cpu->index, request, partition->entry, slot->stack, request + offsetof(struct channel, reply), cpu_rsp0(cpu));
    cpu->partition = outer;
    if (outer != NULL)
        cr3_write(outer->cr3);
    return end;
}

// Acts on a complete reply, whatever it is.
static inline __attribute__((always_inline)) enum status reply_conclude(struct cpu *cpu, struct partition *partition, struct partition_cpu *slot,
    const struct message *message, const struct reply *reply, struct answer *answer)
{
    struct batch *batch = cpu->batch;
    bool operations = ONCE(reply->op_count) != 0;
    enum status status = operations ? batch_decode(batch, cpu, partition, reply) : STATUS_OK;
    bool decoded = status == STATUS_OK;
    if (decoded)
        status = verdict_decode(cpu, partition, message, slot->sequence, reply, operations, answer);
    if (__builtin_expect(status != STATUS_OK, 0)) {
        batch_abandon(batch);
        if (!decoded && slot->attempt == 0 && message->kind == MSG_EXIT && batch_status_returned(status) && (ONCE(reply->set) & SET_APPLIED))
            return STATUS_BUSY;
        fault_reply(partition, cpu, decoded ? NULL : batch, reply, status);
        return STATUS_FAULTED;
    }
    answer->wrote_event = message->origin != ORIGIN_L1 && slot->wrote_event;
    if (operations) {
        (void)batch_invoke(batch, cpu);  // an MSR's refusal is of interest to who asks by SYS_INVOKE
        answer->wrote_event |= batch->wrote_event;
        if (answer->set & SET_APPLIED)
            __atomic_store_n(&slot->channel->out.outbox.applied, slot->sequence, __ATOMIC_RELEASE);
    }
    set_invoke(cpu, reply, answer->set, message->origin);
    return STATUS_OK;
}

static inline __attribute__((always_inline)) uint64_t message_count(struct message_stat *stat, uint64_t ticks) { stat->count++; stat->instr += ticks; return ticks; }

// The partition is the caller's (partition_enter); observed: the reply counts for nothing. STATUS_FAULTED: recorded;
// STATUS_BUSY: another CPU stops it, or what SET_APPLIED waits for was refused.
//   known: kind, origin and arg as in the message; where this is inlined the compiler may know them
//   outer: the partition that runs on this CPU, by whose call or restart this comes, or NULL
//   event: its record, which says since when its time counts
//   done: becomes true where there was nothing to be done but what is done already, as nearly always: then there is no answer. NULL: it is to be filled
//   ticks: of the time-stamp counter that it took, where done is true
NODISCARD static inline __attribute__((always_inline)) enum status hand_over(struct cpu *cpu, struct partition *partition, struct partition_cpu *slot,
    const struct message *message, const struct message *known, bool observed, uint8_t attempt, struct partition *outer, struct event *event,
    struct answer *answer, bool *done, uint64_t *ticks)
{
    uint32_t sequence = slot->sequence + 1;
    uint64_t place = ring_slot(sequence) * PAGE_BYTES;
    struct channel *channel = (struct channel *)((uintptr_t)slot->channel + place);  // as if its slot were the first
    if (__builtin_expect(!cpu->cr2_stale, 1))
        cpu->gpr[GPR_CR2] = cr2_read();
    slot->sequence = sequence;
    slot->wrote_event = false;
    slot->attempt = attempt;
    event->sequence = (uint8_t)sequence;
    slot->message = message;
    channel->request[0].request.sequence = sequence;
    channel->request[0].request.what = message->what | (uint32_t)attempt << 24;
    request_build(cpu, partition, &channel->request[0].request, message, known, attempt);
    int64_t end = partition_run(cpu, partition, slot, place, outer);
    const struct reply *reply = &channel->reply[0].reply;
    struct answer plain;  // in registers
    // Where an instruction is done there is nothing to be delivered again, and an L2's VMCS02 is held (set_decode).
    if (__builtin_expect(end == UPCALL_REPLIED, 1) && done != NULL && verdict_is_resume(cpu, partition, known, slot->sequence, reply, &plain) &&
        (known->origin == ORIGIN_L1 || (plain.set & SET_ADVANCE))) {
        set_invoke(cpu, reply, plain.set, known->origin);
        *ticks = message_count(slot->stat, tsc_since(event->tsc));
        *done = true;
        return STATUS_OK;
    }
    enum status status = end == UPCALL_ABORTED ? STATUS_BUSY : end != UPCALL_REPLIED ? STATUS_FAULTED : observed ? STATUS_OK
                       : reply_conclude(cpu, partition, slot, known, reply, answer);
    if (__builtin_expect(status != STATUS_OK, 0))
        slot->incomplete = slot->torn = true;
    (void)message_count(slot->stat, tsc_since(event->tsc));
    return status;
}
