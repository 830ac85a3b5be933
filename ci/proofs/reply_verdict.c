// SPDX-License-Identifier: BSD-2-Clause
// Proof: verdict_decode() and verdict_is_resume(), for any message and a reply that changes between any two reads, accepts only verdicts in which such a message may end, for
// this message, and lets only a VMCS02 be entered that is the partition's own (I4, I5, I6).
// CBMC: unwind=7 replace=memory_copy:contract_copy volatile
#include "any_caps.h"
#include "no_machine.h"

#include "../../kernel/verdict.h"

static struct partition partition;
static struct vmcs02 exited;  // that of the L2 that the message is about
static bool taken, kept;

struct vmcs02 *vmcs02_at(uint32_t index)
{
    static struct vmcs02 one;
    PROVE(index - partition.vmcs02_first < partition.header.vmcs02_count && (partition.header.rights & RIGHT_VMCS02), "a VMCS02 is the partition's");
    return &one;
}

enum status vmcs02_take(struct vmcs02 *vmcs02, struct cpu *self)
{
    (void)self;
    taken = true;
    kept = vmcs02 == &exited && any_bool();
    return kept || (vmcs02 != &exited && any_bool()) ? STATUS_OK : STATUS_BUSY;
}

void contract_copy(void *to, const void *from, size_t bytes)
{
    (void)to, (void)from;
    PROVE(bytes == sizeof(uint64_t[MSG_ARGS]), "the arguments and no more");
}

int main(void)
{
    static struct cpu cpu;
    struct message message;
    struct answer answer;
    partition.header.rights = any_u32();
    partition.header.vmcs02_count = any_below(VMCS02_MAX + 1);
    partition.header.vmcs[VMCS_KIND_01].write = any_u64();
    partition.header.vmcs[VMCS_KIND_02].write = any_u64();
    partition.vmcs02_first = any_below(VMCS02_MAX);
    partition.index = any_u32();
    exited.partition = any_u32();
    exited.owner_index = any_below(VMCS02_MAX);
    ASSUME(exited.partition != partition.index || exited.owner_index < partition.header.vmcs02_count);  // proof vmcs02
    cpu.vmcs02 = &exited;
    bool operations = any_bool();
    ASSUME(message.kind <= MSG_KILL && message.origin < ORIGIN_COUNT);
    const struct reply *nowhere = (const struct reply *)(uintptr_t)any_u64();
    if (any_bool()) {
        operations = false;
        if (!verdict_is_resume(&cpu, &partition, &message, any_u32(), nowhere, &answer))
            return 0;
        PROVE(message.kind == MSG_EXIT && answer.verdict == VERDICT_RESUME, "found at one look: an exit is over");
    } else if (verdict_decode(&cpu, &partition, &message, any_u32(), nowhere, operations, &answer) != STATUS_OK) {
        return 0;
    }
    PROVE(answer.verdict < VERDICT_COUNT, "a verdict");
    if (message.kind == MSG_INIT || message.kind == MSG_CALL)
        PROVE(answer.verdict == VERDICT_RETURN, "a call returns");
    if (message.kind == MSG_EXIT)
        PROVE(answer.verdict != VERDICT_RETURN, "an exit goes on");
    if (message.kind == MSG_ENTRY_FAILED)
        PROVE(answer.verdict == VERDICT_L1 || answer.verdict == VERDICT_L2, "a failed entry ends in another");
    if (answer.verdict == VERDICT_L2)
        PROVE(taken && answer.vmcs02 < partition.header.vmcs02_count && (partition.header.rights & RIGHT_VMCS02), "L2 on a VMCS02 of its own, that this CPU holds");
    PROVE((answer.set & ~SET_ALL) == 0, "sets what there is");
    if (message.kind == MSG_INIT || message.kind == MSG_CALL)
        PROVE(answer.set == 0, "a call leaves the guest's registers alone");
    if (answer.set & (SET_FLAGS | SET_ADVANCE)) {
        PROVE(message.kind == MSG_EXIT && message.origin != ORIGIN_PAL, "only an instruction that exited is completed");
        bool l2 = message.origin == ORIGIN_L2;
        PROVE(partition.header.vmcs[l2 ? VMCS_KIND_02 : VMCS_KIND_01].write & GROUP_RIP, "by who may write RIP and RFLAGS there");
        PROVE(!l2 || kept, "an L2's on a VMCS02 that this CPU holds");
        PROVE(!l2 || (!operations && answer.verdict == VERDICT_RESUME), "and which goes on, with nothing else done to it");
    }
    if (answer.verdict == VERDICT_L1 && message.origin == ORIGIN_L2)
        PROVE(partition.header.rights & RIGHT_VMCS02, "only who runs L2s ends one");
    return 0;
}
