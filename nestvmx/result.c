// SPDX-License-Identifier: BSD-2-Clause
// How a VMX instruction of L1 ends.

#include <rt/reply.h>

#include "cpu.h"
#include "inject.h"
#include "result.h"
#include "shadow.h"
#include "vmcs12.h"
#include "x86.h"

// VMCS01 stands at the instruction, also where this isn't the message of its exit.
void vm_end(struct message *m, uint64_t flags)
{
    struct reply *rep = m->rep;
    if (m->req->kind == MSG_EXIT && m->req->origin == ORIGIN_L1) {
        if (m->rsp_set)
            reply_write(rep, VMCS_HANDLE_01, VMCS_GUEST_RSP, m->rsp);
        reply_flags(rep, flags);
        reply_advance_rip(m->req, rep);
        return;
    }
    message_need(m, GROUPS_EXIT | GROUPS_RIP | GROUPS_PRIVILEGE | GROUP_BLOCKING);
    uint64_t rip = exit_field(m, VMCS_GUEST_RIP) + exit_field(m, VMCS_EXIT_INSTRUCTION_LENGTH);
    if (!insn_is_64(m))
        rip &= 0xffffffff;
    reply_write(rep, VMCS_HANDLE_01, VMCS_GUEST_RFLAGS, (exit_field(m, VMCS_GUEST_RFLAGS) & ~RFLAGS_STATUS) | flags);
    reply_write(rep, VMCS_HANDLE_01, VMCS_GUEST_RIP, rip);
    const uint64_t blocking = exit_field(m, VMCS_GUEST_INTERRUPTIBILITY), instruction = INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS;
    if (blocking & instruction)
        reply_write(rep, VMCS_HANDLE_01, VMCS_GUEST_INTERRUPTIBILITY, blocking & ~instruction);
}

void vm_fail_invalid(struct message *m) { vm_end(m, RFLAGS_CF); }

void vm_fail(struct message *m, enum insn_error error)
{
    struct vmcs12 *v = vmx_cpu_current(m->cpu);
    if (v == NULL) {
        vm_fail_invalid(m);
        return;
    }
    if (vmcs12_put(v, VMCS_INSTRUCTION_ERROR, error))
        shadow_update(m, v, GROUP_INSN_ERROR);
    vm_end(m, RFLAGS_ZF);
}

void insn_refuse(struct message *m)
{
    if (!m->cpu->on)
        inject_ud(m);
    else
        inject_gp(m);
}
