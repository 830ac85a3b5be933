// SPDX-License-Identifier: BSD-2-Clause
// Exceptions into the level that the message came from.

#include <rt/reply.h>

#include "inject.h"
#include "x86.h"

void inject_ud(struct message *m) { reply_exception(m->rep, request_handle(m->req), VECTOR_UD); }

// In real mode no exception has an error code (SDM 3C 27.2.1.3 "VM-Entry Control Fields").
void inject_gp(struct message *m)
{
    message_need(m, GROUP_CR);
    if (exit_field(m, VMCS_GUEST_CR0) & CR0_PE)
        reply_exception_error(m->rep, request_handle(m->req), VECTOR_GP, 0);
    else
        reply_exception(m->rep, request_handle(m->req), VECTOR_GP);
}

void inject_ss(struct message *m) { reply_exception_error(m->rep, request_handle(m->req), VECTOR_SS, 0); }

void inject_pf(struct message *m, uint64_t linear, uint32_t error)
{
    reply_gpr(m->rep, GPR_CR2, linear);
    reply_exception_error(m->rep, request_handle(m->req), VECTOR_PF, error);
}
