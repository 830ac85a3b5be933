// SPDX-License-Identifier: BSD-2-Clause
// Replies, second half: doing what was decoded. Nothing here can be refused any more.
#pragma once

#include <caps/status.h>

#include "inject.h"
#include "reply.h"

// Does the actions in order. STATUS_UNSUPPORTED: an OP_MSR_WRITE met a value that the MSR refuses; everything else was done.
enum status batch_invoke(struct batch *batch, struct cpu *cpu);

// Sets what the decoded set names, from the reply. level: who exited.
static inline __attribute__((always_inline)) void set_invoke(struct cpu *cpu, const struct reply *reply, uint32_t set, enum msg_origin level)
{
    if (set & SET_GPRS) {
        for (uint32_t left = set & SET_GPRS; left != 0; left &= left - 1)
            cpu->gpr[(uint32_t)__builtin_ctz(left)] = reply->gpr[(uint32_t)__builtin_ctz(left)];
        cpu->cr2_stale |= (set & SET_GPR(GPR_CR2)) != 0;
    }
    if (!(set & (SET_FLAGS | SET_ADVANCE)))
        return;
    vmcs_select(cpu, level == ORIGIN_L1 ? cpu->vmcs01 : cpu->vmcs02->region);
    const uint64_t rflags = insn_vmread(vmcs_field_info[VMCS_GUEST_RFLAGS].encoding);
    if (set & SET_ADVANCE)
        advance_rip_with(cpu, rflags);
    else
        cpu->vmreads++;
    if (set & SET_FLAGS)
        vmcs_set(cpu, VMCS_GUEST_RFLAGS, (rflags & ~(uint64_t)RFLAGS_STATUS) | (reply->rflags & RFLAGS_STATUS));
}
