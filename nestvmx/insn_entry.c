// SPDX-License-Identifier: BSD-2-Clause
// VMLAUNCH and VMRESUME: the instruction's own checks.

#include <rt/reply.h>

#include "cpu.h"
#include "entry.h"
#include "insn.h"
#include "result.h"
#include "shadow.h"
#include "vmcs12.h"

// Not the launch state that it must have, or MOV SS before it.
static __attribute__((noinline)) void refuse(struct message *m, bool launch)
{
    if (m->current->launched == VMCS12_SHADOW)
        vm_fail_invalid(m);  // SDM 3C 25.10 "VMCS Types: Ordinary and Shadow"
    else if (exit_field(m, VMCS_GUEST_INTERRUPTIBILITY) & INTERRUPTIBILITY_MOV_SS)
        vm_fail(m, ERROR_ENTRY_MOV_SS);
    else
        vm_fail(m, launch ? ERROR_VMLAUNCH_NOT_CLEAR : ERROR_VMRESUME_NOT_LAUNCHED);
}

static void start(struct message *m, bool launch)
{
    if (!insn_allowed(m))
        return;
    if (m->current == NULL) {
        vm_fail_invalid(m);
        return;
    }
    shadow_absorb_entry(m, m->current);
    if ((exit_field(m, VMCS_GUEST_INTERRUPTIBILITY) & INTERRUPTIBILITY_MOV_SS) || m->current->launched != (launch ? VMCS12_CLEAR : VMCS12_LAUNCHED)) {
        refuse(m, launch);
        return;
    }
    entry_start(m, m->current);
}

void insn_vmlaunch(struct message *m) { start(m, true); }

void insn_vmresume(struct message *m) { start(m, false); }
