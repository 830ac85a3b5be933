// SPDX-License-Identifier: BSD-2-Clause
// Verdicts: decoding what a reply says besides its operations. Inline: every message comes through here.
#pragma once

#include "cap.h"
#include "memory.h"
#include "reply.h"
#include "vmcs02.h"

// Which verdicts a kind of message can end in, and whether its reply can set something.
#define VERDICT_SETS 0x80u
static const uint8_t verdicts[] = {
    [MSG_INIT] = 1 << VERDICT_RETURN,
    [MSG_EXIT] = 1 << VERDICT_RESUME | 1 << VERDICT_L1 | 1 << VERDICT_L2 | 1 << VERDICT_FORWARD | VERDICT_SETS,
    [MSG_ENTRY_FAILED] = 1 << VERDICT_L1 | 1 << VERDICT_L2 | VERDICT_SETS,
    [MSG_CALL] = 1 << VERDICT_RETURN,
    [MSG_KILL] = 1 << VERDICT_L1 | 1 << VERDICT_L2 | 1 << VERDICT_FORWARD | 1 << VERDICT_RETURN | VERDICT_SETS,
};

// What a reply sets besides general-purpose registers: of L1, or of an L2 that goes on, and to which nothing else happens.
NODISCARD static inline __attribute__((always_inline)) enum status set_decode(struct cpu *cpu, const struct partition *partition,
    const struct message *message, const struct answer *answer, bool operations)
{
    enum vmcs_kind kind = VMCS_KIND_01;
    if ((answer->set & ~SET_ALL) || message->kind != MSG_EXIT || message->origin == ORIGIN_PAL)
        return STATUS_BAD_ARG;
    if (message->origin == ORIGIN_L2) {
        if (operations || answer->verdict != VERDICT_RESUME)
            return STATUS_DENIED;
        TRY(vmcs02_take(cpu->vmcs02, cpu));
        kind = VMCS_KIND_02;
    }
    return cap_writes(&partition->header, kind, GROUP_RIP) ? STATUS_OK : STATUS_DENIED;
}

// Whether the reply is what most to an exit are, found by two reads: RESUME, no operations, and nothing set that is refused.
static inline __attribute__((always_inline)) bool verdict_is_resume(struct cpu *cpu, const struct partition *partition, const struct message *message,
    uint32_t sequence, const struct reply *reply, struct answer *answer)
{
    _Static_assert(VERDICT_RESUME == 0, "a head that is its sequence names this verdict, and no operations");
    answer->verdict = VERDICT_RESUME;
    if (message->kind != MSG_EXIT || ONCE(reply->head) != sequence)
        return false;
    answer->set = ONCE(reply->set);
    return !(answer->set & ~(SET_GPRS | SET_APPLIED)) || set_decode(cpu, partition, message, answer, false) == STATUS_OK;
}

// Decodes the verdict on a message of that kind and origin. operations: there are some, and they are decoded.
NODISCARD static inline __attribute__((always_inline)) enum status verdict_decode(struct cpu *cpu, const struct partition *partition,
    const struct message *message, uint32_t sequence, const struct reply *reply, bool operations, struct answer *answer)
{
    uint16_t verdict = ONCE(reply->verdict);
    unsigned allowed = verdicts[message->kind];
    if (verdict >= VERDICT_COUNT || !(allowed & 1u << verdict))
        return STATUS_BAD_ARG;
    if (ONCE(reply->sequence) != sequence)
        return STATUS_BAD_STATE;
    answer->verdict = verdict;
    answer->set = allowed & VERDICT_SETS ? ONCE(reply->set) : 0;
    if (answer->set & ~(SET_GPRS | SET_APPLIED))
        TRY(set_decode(cpu, partition, message, answer, operations));
    if (verdict == VERDICT_RESUME)
        return STATUS_OK;
    if (verdict == VERDICT_L1 && message->origin == ORIGIN_L2 && !cap_check(&partition->header, CAP_RIGHT, RIGHT_VMCS02, 0))
        return STATUS_DENIED;
    if (verdict == VERDICT_L2) {
        answer->vmcs02 = ONCE(reply->vmcs02);
        if (answer->vmcs02 >= VMCS02_MAX || !cap_check(&partition->header, CAP_VMCS02, VMCS_HANDLE_02 + answer->vmcs02, 0))
            return STATUS_DENIED;
        TRY(vmcs02_take(vmcs02_at(partition->vmcs02_first + answer->vmcs02), cpu));
    }
    if (verdict == VERDICT_FORWARD || verdict == VERDICT_RETURN) {
        answer->status = ONCE(reply->status);
        memory_copy(answer->arg, reply->arg, sizeof(answer->arg));
    }
    return STATUS_OK;
}
