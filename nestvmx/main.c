// SPDX-License-Identifier: BSD-2-Clause
// The partition nestvmx: emulates VMX for a hypervisor in L1. Messages to handlers.

#include <caps/exit_reason.h>
#include <rt/call.h>
#include <rt/partition.h>
#include <rt/reply.h>

#include "cpu.h"
#include "entry.h"
#include "field.h"
#include "inject.h"
#include "insn.h"
#include "resolve.h"
#include "result.h"
#include "vmcap.h"
#include "vmcs02.h"
#include "vmcs12.h"

typedef void handler_t(struct message *m);

// Exits of L1. Exits of L2 all go to resolve_exit.
static handler_t *const l1_handler[EXIT_REASON_COUNT] = {
    [EXIT_VMCLEAR] = insn_vmclear,   [EXIT_VMLAUNCH] = insn_vmlaunch, [EXIT_VMPTRLD] = insn_vmptrld, [EXIT_VMPTRST] = insn_vmptrst,
    [EXIT_VMREAD] = insn_vmread,     [EXIT_VMRESUME] = insn_vmresume, [EXIT_VMWRITE] = insn_vmwrite, [EXIT_VMXOFF] = insn_vmxoff,
    [EXIT_VMXON] = insn_vmxon,       [EXIT_INVEPT] = insn_invept,     [EXIT_INVVPID] = insn_invvpid, [EXIT_RDMSR] = vmcap_rdmsr,
    [EXIT_WRMSR] = vmcap_wrmsr,      [EXIT_VMCALL] = insn_vmcall,
};

static void message_exit(struct message *m)
{
    if (m->req->origin == ORIGIN_L2) {
        m->handle = VMCS_HANDLE_02 + m->req->vmcs02;
        resolve_exit(m);
        return;
    }
    m->handle = VMCS_HANDLE_01;
    handler_t *handler = BASE_REASON(m) < EXIT_REASON_COUNT ? l1_handler[BASE_REASON(m)] : NULL;
    if (handler == NULL)
        rt_panic("an exit of L1 that no route names");
    handler(m);
}

void message_fetch(struct message *m, uint64_t missing)
{
    if (rt_fetch(m->handle, missing, 0) != STATUS_OK)
        rt_panic("the VMCS that a message is about can't be read");
    m->have |= missing;
}

// L1's VMX instruction. A hypervisor that doesn't look at VMfail must not run into L1's own ruin: without a current VMCS no L2 is entered on half of what
// L1 has written (its host state, say), and nothing is written into the VMCS of another L2. What was to be invalidated is.
static void kill_insn(struct message *m)
{
    if (BASE_REASON(m) == EXIT_VMCALL) {  // changes nothing: the answer is as if it had not failed
        message_need(m, GROUPS_PRIVILEGE | GROUPS_RIP | GROUP_EFER);
        insn_vmcall(m);
        return;
    }
    message_need(m, GROUPS_PRIVILEGE);
    if (!insn_allowed(m))
        return;
    switch (BASE_REASON(m)) {
    case EXIT_INVEPT: case EXIT_INVVPID:
        insn_invalidate_all(m);
        return;
    case EXIT_VMPTRLD: case EXIT_VMWRITE:
        insn_leave(m);
        break;
    default:
        break;
    }
    vm_fail_invalid(m);
}

// What was to be answered failed twice: an L2 ends as a triple fault, an MSR access as #GP, a VMX instruction as VMfailInvalid, but for VMCALL.
static void message_kill(struct message *m)
{
    if (m->req->origin == ORIGIN_L2) {
        resolve_kill(m);
        return;
    }
    if (BASE_REASON(m) == EXIT_RDMSR || BASE_REASON(m) == EXIT_WRMSR)
        inject_gp(m);
    else
        kill_insn(m);
    reply_l1(m->rep);
}

static void message_other(struct message *m)
{
    switch (m->req->kind) {
    case MSG_INIT:
        vmcap_init();
        field_init();
        vmcs02_init();
        break;
    case MSG_ENTRY_FAILED:
        entry_refused(m);
        break;
    case MSG_KILL:
        message_kill(m);
        break;
    default:
        reply_return(m->rep, STATUS_BAD_CALL);
        break;
    }
}

void partition_message(const struct request *req, struct reply *rep)
{
    struct message m = { .req = req, .rep = rep, .cpu = vmx_cpu_self(), .have = req->groups };
    m.current = vmx_cpu_current(m.cpu);
    if (__builtin_expect(req->kind == MSG_EXIT, 1)) {
        message_exit(&m);
    } else {
        // An entry that failed is told in L2's name, but it is L1's instruction that ends.
        m.handle = req->kind == MSG_ENTRY_FAILED ? VMCS_HANDLE_01 : request_handle(req);
        message_other(&m);
    }
    vmcs12_unlock(&m);
}
