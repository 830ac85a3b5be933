// SPDX-License-Identifier: BSD-2-Clause
// Injection of faults.

#include "fault_inject.h"

#include "cr.h"
#include "ipc.h"
#include "log.h"
#include "panic.h"

#define KERNEL_NOWHERE (KERNEL_BASE - 0x1000)  // not mapped

// Whether this message is one that gets a fault: a first attempt, or it could never be completed, and its second where that is asked for.
static bool due(struct partition *partition, struct partition_cpu *slot)
{
    uint64_t number = __atomic_add_fetch(&partition->messages, 1, __ATOMIC_RELAXED);
    if (slot->attempt != 0 || slot->message->kind == MSG_KILL) {
        bool ever = partition->inject.kind == INJECT_UD_EVER, again = slot->inject_again && (ever || slot->message->kind != MSG_KILL);
        slot->inject_kind = again ? INJECT_UD_TWICE : INJECT_NONE;
        slot->inject_again = again && ever;
        return again;
    }
    if (slot->message->kind != MSG_INIT)  // that of the restart comes between the two
        slot->inject_again = false;
    uint32_t left = __atomic_load_n(&partition->injections, __ATOMIC_ACQUIRE);
    if (left == 0 || number < partition->inject_at || slot->message->kind == MSG_INIT)
        return false;
    // Some kind, before it is taken off the count: at every moment one of both tells who asks for the next fault that this one isn't done.
    __atomic_store_n(&slot->inject_kind, INJECT_KINDS, __ATOMIC_RELEASE);
    if (!__atomic_compare_exchange_n(&partition->injections, &left, left - 1, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {  // another CPU's message has it
        slot->inject_kind = INJECT_NONE;
        return false;
    }
    slot->inject_kind = (uint8_t)partition->inject.kind;
    partition->inject_at = number + partition->inject.spacing;
    slot->inject_again = slot->inject_kind == INJECT_UD_TWICE || slot->inject_kind == INJECT_UD_EVER;
    return true;
}

// These go on where they shouldn't.
static bool strays(const struct partition_cpu *slot) { return slot->inject_kind == INJECT_PF || slot->inject_kind == INJECT_HANG; }
static uint64_t stray(const struct partition *partition, const struct partition_cpu *slot) { return slot->inject_kind == INJECT_HANG ? partition->header.hang : 0; }

uint64_t fault_inject_entry(struct partition *partition, struct partition_cpu *slot, uint64_t entry)
{
    const struct boot_inject *inject = &partition->inject;
    if (!due(partition, slot))
        return entry;
    // Each comes `stride` instructions after the one before, round and round within `span` of them.
    // MSG_KILL at once: nothing of it is done.
    uint32_t instruction = slot->message->kind == MSG_KILL ? 1 : inject->instruction + (uint32_t)((uint64_t)(inject->count - partition->injections - 1) * inject->stride % inject->span);
    log_line(LOG_WARN, "inject partition=%s kind=%u sequence=%u instruction=%u", partition->name, slot->inject_kind, slot->sequence, instruction);
    if (slot->inject_kind == INJECT_PANIC)
        panic("injected at message %u of partition %s", slot->sequence, partition->name);
    if (slot->inject_kind == INJECT_KERNEL_PF)
        *(volatile uint64_t *)KERNEL_NOWHERE = 0;
    if (instruction == 0 && strays(slot))
        return stray(partition, slot);
    if (slot->inject_kind != INJECT_BAD_REPLY)
        slot->steps = instruction > 0 ? instruction : 1;
    return entry;
}

bool fault_inject_step(const struct partition *partition, struct partition_cpu *slot, struct trap_frame *frame)
{
    if (--slot->steps > 0)
        return true;
    frame->rflags &= ~RFLAGS_TF;
    if (!strays(slot))
        return false;
    frame->rip = stray(partition, slot);
    return true;
}

void fault_inject_end(struct partition_cpu *slot)
{
    slot->steps = 0;
    if (slot->inject_kind == INJECT_BAD_REPLY)
        slot->channel->reply[ring_slot(slot->sequence)].reply.verdict = 0xffff;
    __atomic_store_n(&slot->inject_kind, INJECT_NONE, __ATOMIC_RELEASE);
}

enum status fault_inject_check(uint32_t index, uint32_t kind)
{
    if (index >= partition_count() || !partition_at(index)->inject.on_request || kind == INJECT_NONE || kind > INJECT_ON_REQUEST ||
        (kind == INJECT_HANG && partition_at(index)->header.hang == 0))
        return STATUS_UNSUPPORTED;
    bool busy = __atomic_load_n(&partition_at(index)->injections, __ATOMIC_ACQUIRE) > 0;
    for (unsigned cpu = 0; cpu < CPU_MAX; cpu++)
        busy |= __atomic_load_n(&partition_at(index)->cpu[cpu].inject_kind, __ATOMIC_ACQUIRE) != INJECT_NONE || partition_at(index)->cpu[cpu].inject_again;
    return busy ? STATUS_BUSY : STATUS_OK;
}

void fault_inject_order(struct partition *partition, uint32_t kind, uint64_t number, uint32_t instruction)
{
    partition->inject = (struct boot_inject){ .kind = kind, .instruction = instruction, .count = 1, .span = 1, .on_request = true };
    partition->inject_at = __atomic_load_n(&partition->messages, __ATOMIC_RELAXED) + number;
    __atomic_store_n(&partition->injections, 1, __ATOMIC_RELEASE);
}
