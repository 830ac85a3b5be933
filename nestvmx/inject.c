// SPDX-License-Identifier: BSD-2-Clause
// Exceptions into the level that the message came from.

#include <rt/reply.h>

#include "exit.h"
#include "inject.h"
#include "vmcs12.h"
#include "wanted.h"
#include "x86.h"

// An L2's exception that L1 wants is its exit. event: of those with an error code EVENT_HAS_ERROR, too. False: the exception is to be delivered.
static bool exits(struct message *m, uint32_t event, uint32_t error, uint64_t qualification)
{
    if (m->req->origin != ORIGIN_L2)
        return false;
    struct vmcs12 *v = vmcs12_at(m->req->vmcs02);
    if (!wanted_exception(v, event & 31, error))
        return false;
    message_need(m, EXIT_GROUPS);
    exit_deliver_exception(m, v, event | EVENT_TYPE_EXCEPTION | EVENT_VALID, error, qualification);
    return true;
}

// What the handler finds is a fault's image, whose RF is set (SDM 3B 18.3.1.1 "Instruction-Breakpoint Exception Condition"); the exit that brought the
// instruction here has saved it as 0, and VM entry pushes what there is.
static void deliver(struct message *m, uint32_t event, uint32_t error)
{
    const uint32_t handle = request_handle(m->req);
    message_need(m, GROUP_RIP);
    reply_write(m->rep, handle, VMCS_GUEST_RFLAGS, exit_field(m, VMCS_GUEST_RFLAGS) | RFLAGS_RF);
    reply_event(m->rep, handle, event | EVENT_TYPE_EXCEPTION, error, 0);
}

static void inject(struct message *m, uint32_t vector)
{
    if (!exits(m, vector, 0, 0))
        deliver(m, vector, 0);
}

static void inject_error(struct message *m, uint32_t vector)
{
    if (!exits(m, vector | EVENT_HAS_ERROR, 0, 0))
        deliver(m, vector | EVENT_HAS_ERROR, 0);
}

void inject_ud(struct message *m) { inject(m, VECTOR_UD); }

// In real mode no exception has an error code (SDM 3C 27.2.1.3 "VM-Entry Control Fields").
void inject_gp(struct message *m)
{
    message_need(m, GROUPS_CR);
    if (exit_field(m, VMCS_GUEST_CR0) & CR0_PE)
        inject_error(m, VECTOR_GP);
    else
        inject(m, VECTOR_GP);
}

void inject_ss(struct message *m) { inject_error(m, VECTOR_SS); }

// With an exit the address is in the qualification only: CR2 stays as it is (SDM 3C 28.1 "Architectural State Before a VM Exit").
void inject_pf(struct message *m, uint64_t linear, uint32_t error)
{
    if (exits(m, VECTOR_PF | EVENT_HAS_ERROR, error, linear))
        return;
    reply_gpr(m->rep, GPR_CR2, linear);
    deliver(m, VECTOR_PF | EVENT_HAS_ERROR, error);
}
