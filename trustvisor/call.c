// SPDX-License-Identifier: BSD-2-Clause
#include "call.h"

#include <rt/call.h>
#include <rt/reply.h>
#include <rt/string.h>

#include "commit.h"
#include "end.h"
#include "marshal.h"
#include "share.h"
#include "turn.h"
#include "vector.h"

#define RFLAGS_IF           (1ull << 9)
#define PAL_RFLAGS          0x202ull   // interrupts on: they end the PAL's turn

// The program stands at the call, with the registers of the call.
static void at_call(const struct pal *pal, struct reply *rep)
{
    memcpy(rep->gpr, pal->call.gpr, sizeof(rep->gpr));
    rep->set |= SET_GPRS;
}

// An exception of who made the exit of this message. An L2's goes by nestvmx: its hypervisor may want it (exception bitmap).
static void raise(struct reply *rep, uint32_t handle, enum vector vector, uint32_t error, uint64_t address)
{
    if (handle == VMCS_HANDLE_L2) {
        rep->set = 0;
        reply_forward(rep, (uint32_t)vector | EVENT_TYPE_EXCEPTION | EVENT_HAS_ERROR | EVENT_VALID, error, address, 0);
        return;
    }
    if (vector == VECTOR_PF)
        rep->gpr[GPR_CR2] = address;
    reply_exception_error(rep, handle, vector, error);
}

// At the call: a page that the program named isn't there, or not writable. The system may see to that and let it make the call again.
static void fault_at_call(const struct pal *pal, struct reply *rep, const struct caller *caller)
{
    at_call(pal, rep);
    raise(rep, pal->handle, VECTOR_PF, caller->fault_error, caller->fault.v);
}

// The program goes on behind the call.
static void finish(const struct pal *pal, struct reply *rep, uint64_t result)
{
    static const uint8_t scrubbed[] = { GPR_RCX, GPR_RDX, GPR_R8, GPR_R9, GPR_R10, GPR_R11 };
    const uint32_t word = pal->word;
    at_call(pal, rep);
    for (unsigned i = 0; i < sizeof(scrubbed); i++)
        if (word == 8 || scrubbed[i] < GPR_R8)
            rep->gpr[scrubbed[i]] = 0;
    if (word == 8)
        rep->gpr[GPR_RSI] = rep->gpr[GPR_RDI] = 0;  // in 32-bit programs these are the callee's to keep
    rep->gpr[GPR_RAX] = width(word, result);
    reply_write(rep, pal->handle, VMCS_GUEST_RIP, pal->call.return_address);
    reply_write(rep, pal->handle, VMCS_GUEST_RSP, width(word, pal->call.rsp + word));
}

// The PAL's turn on this CPU begins with these registers.
static void enter(const struct request *req, struct pal *pal, struct reply *rep, const uint64_t gpr[GPR_COUNT], enum pal_state from)
{
    memcpy(rep->gpr, gpr, sizeof(rep->gpr));
    rep->set |= SET_GPRS;
    turn_begin(pal);
    pal->entered = 1;
    if (req->origin == ORIGIN_L2)
        pal->paging.eptp12 = req->tag;  // its L1 may have EPT12's flags or logging switched since
    reply_l2(rep, pal_number(pal));
    commit(req, rep, pal, from, PAL_RUNNING);
}

// And ends. The VMCS goes first: from the commit on, another CPU may take it.
static void leave(struct pal *pal, struct reply *rep)
{
    turn_end(pal);
    rep->op_count = 0;
    reply_op(rep, OP_VMCS_CLEAR, VMCS_HANDLE_02 + pal_number(pal), 0, 0, 0);
    if (rt_invoke() != STATUS_OK)
        rt_panic("the kernel does not take a PAL's VMCS back");
    pal->entered = 0;
    reply_l1(rep);  // or to the L2 that called
}

static void start(struct pal *pal, const struct request *req, struct reply *rep)
{
    const uint64_t *field = req->field[0];
    struct caller caller = caller_of(req);
    struct pal_call *call = &pal->call;
    uint64_t gpr[GPR_COUNT], rsp = 0;
    memcpy(call->gpr, req->gpr, sizeof(call->gpr));
    call->rsp = width(caller.word, field[VMCS_GUEST_RSP]);
    call->return_address = 0;
    call->returned = 0;
    enum marshal marshal = MARSHAL_REFUSED;
    if (field[VMCS_GUEST_RFLAGS] & RFLAGS_IF)  // else no interrupt could end the PAL's turn
        marshal = marshal_in(pal, &caller, gpr, &rsp);
    if (marshal != MARSHAL_OK) {
        if (marshal == MARSHAL_FAULT) {
            fault_at_call(pal, rep, &caller);
        } else if (marshal == MARSHAL_RETURN) {  // as of a RET there
            at_call(pal, rep);
            raise(rep, pal->handle, VECTOR_GP, 0, 0);
        } else if (marshal != MARSHAL_EPT12 || !caller_by_ept12(&caller, rep)) {
            share_end(pal, rep);
            finish(pal, rep, CALL_FAILED);
        }
        commit(req, rep, pal, PAL_STARTING, PAL_IDLE);
        return;
    }
    const uint32_t handle = VMCS_HANDLE_02 + pal_number(pal);
    reply_write(rep, handle, VMCS_GUEST_RIP, pal->entry);
    reply_write(rep, handle, VMCS_GUEST_RSP, rsp);
    reply_write(rep, handle, VMCS_GUEST_RFLAGS, PAL_RFLAGS);
    vector_reset(pal_vectors[pal_number(pal)][VECTORS_PAL]);
    enter(req, pal, rep, gpr, PAL_STARTING);
}

// Whether it is the call that was interrupted, not another one meanwhile. A program of 32 bits has eight registers: what the CPU has in the others is anybody's,
// and another CPU's is something else.
static bool same_call(const struct pal *pal, const struct request *req)
{
    const unsigned registers = pal->word == 8 ? GPR_COUNT : GPR_R8;
    for (unsigned i = 0; i < registers; i++)
        if (i != GPR_CR2 && width(pal->word, pal->call.gpr[i] ^ req->gpr[i]) != 0)
            return false;
    return pal->call.rsp == width(pal->word, req->field[0][VMCS_GUEST_RSP]);
}

// The results go to the program; false: a page that it needs isn't there, who sees to that has the fault, and the call is made again. again: it is, so that
// an L2 or its hypervisor can be told; a PAL's own exit is not one that the hypervisor could get.
static bool copy_out(struct pal *pal, struct caller *caller, struct reply *rep, bool again)
{
    const enum marshal marshal = marshal_out(pal, caller);
    const bool refused = marshal == MARSHAL_FAULT || marshal == MARSHAL_EPT12;
    if (refused && !again && pal->handle == VMCS_HANDLE_L2) {
        at_call(pal, rep);
    } else if (marshal == MARSHAL_FAULT) {
        fault_at_call(pal, rep, caller);
    } else if (marshal == MARSHAL_EPT12) {
        (void)caller_by_ept12(caller, rep);
    } else {
        share_end(pal, rep);
        finish(pal, rep, marshal == MARSHAL_OK ? pal->gpr[GPR_RAX] : CALL_FAILED);
    }
    return !refused;
}

static void go_on(struct pal *pal, const struct request *req, struct reply *rep)
{
    if (!pal->call.returned) {
        enter(req, pal, rep, pal->gpr, PAL_RESUMING);
        return;
    }
    struct caller caller = caller_of(req);
    const bool done = copy_out(pal, &caller, rep, true);
    commit(req, rep, pal, PAL_RESUMING, done ? PAL_IDLE : PAL_SUSPENDED);
}

static void call(struct pal *pal, union pal_place seen, const struct request *req, struct reply *rep)
{
    // On this CPU: this very message, which was cut short.
    if (pal_take(pal, seen, PAL_IDLE, PAL_STARTING, req->cpu) || pal_is(pal, PAL_STARTING, req->cpu)) {
        start(pal, req, rep);
        return;
    }
    if ((seen.as.state == PAL_SUSPENDED && same_call(pal, req) && pal_take(pal, seen, PAL_SUSPENDED, PAL_RESUMING, req->cpu)) ||
        pal_is(pal, PAL_RESUMING, req->cpu)) {
        go_on(pal, req, rep);
        return;
    }
    // Another thread is in it: this one tries again, with interrupts between.
    if (!(req->field[0][VMCS_GUEST_RFLAGS] & RFLAGS_IF))
        raise(rep, req->origin == ORIGIN_L2 ? VMCS_HANDLE_L2 : VMCS_HANDLE_01, VECTOR_GP, 0, 0);
}

// An access that is no call. The kernel shows ones, tells of it, and lets writes vanish, of an L2 where its EPT12 allows them: else they are for its
// hypervisor to know. It is never executed.
static void stray(const struct caller *caller, bool fetch, struct reply *rep)
{
    if (caller->handle == VMCS_HANDLE_01 || !fetch)
        reply_forward(rep, 0, 0, 0, 0);
    else
        raise(rep, caller->handle, VECTOR_GP, 0, 0);
}

void call_violation(const struct request *req, struct reply *rep)
{
    const uint64_t *field = req->field[0];
    const bool fetch = field[VMCS_EXIT_QUALIFICATION] & QUALIFICATION_FETCH;
    const struct caller caller = caller_of(req);
    union pal_place seen;
    gpa1_t frame;
    uint32_t page;
    if (!caller_frame(&caller, req, &frame))
        return;
    if (fetch && caller.user) {
        struct pal *pal = pal_find(&caller, width(caller.word, field[VMCS_GUEST_RIP]), &seen);
        if (pal != NULL && pal_frame[pal_number(pal)][pal->entry_page] == frame.v) {
            call(pal, seen, req, rep);
            return;
        }
    }
    struct pal *pal = pal_of_frame(frame, &page, &seen);
    if (pal == NULL)
        return;  // it was given back meanwhile
    if (pal_mapped(pal, page)) {
        stray(&caller, fetch, rep);
        return;
    }
    // The system has taken the page from the program, and will give it to another.
    if (end_pal(pal, seen, req->cpu, rep))
        rt_log(LOG_INFO, "pal %u: its program has lost a page: ended", pal_number(pal));
}

void call_suspend(struct pal *pal, const struct request *req, struct reply *rep)
{
    memcpy(pal->gpr, req->gpr, sizeof(pal->gpr));
    leave(pal, rep);
    at_call(pal, rep);
    commit(req, rep, pal, PAL_RUNNING, PAL_SUSPENDED);
}

void call_return(struct pal *pal, const struct request *req, struct reply *rep)
{
    struct caller caller = { .paging = pal->paging, .user = true, .word = pal->word, .handle = pal->handle };
    memcpy(pal->gpr, req->gpr, sizeof(pal->gpr));
    pal->call.returned = 1;
    leave(pal, rep);
    const bool done = copy_out(pal, &caller, rep, false);
    commit(req, rep, pal, PAL_RUNNING, done ? PAL_IDLE : PAL_SUSPENDED);
}

void call_broken(struct pal *pal, const struct request *req, struct reply *rep, const char *why)
{
    rt_log(LOG_WARN, "pal %u: %s (exit %u): ended", pal_number(pal), why, req->reason & 0xffff);  // where, and at what address, is its secret
    turn_end(pal);
    at_call(pal, rep);
    reply_exception_error(rep, pal->handle, VECTOR_GP, 0);
    reply_l1(rep);
    commit(req, rep, pal, PAL_RUNNING, PAL_ENDING);
}
