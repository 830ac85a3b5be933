// SPDX-License-Identifier: BSD-2-Clause
// Builders for replies: each sets just what it names.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <caps/msg.h>
#include <caps/status.h>
#include <caps/vmcs_field.h>
#include <rt/panic.h>
#include <rt/string.h>

// Appends an operation (op.def says what object, a, b and c are).
static inline struct op *reply_op(struct reply *rep, enum op_code code, uint32_t object, uint32_t a, uint64_t b, uint64_t c)
{
    if (__builtin_expect(rep->op_count >= OP_MAX, 0))
        rt_panic("more operations than a reply holds");
    struct op *op = &rep->op[rep->op_count++];
    op->code = (uint16_t)code;
    op->object = (uint16_t)object;
    op->a = a;
    op->b = b;
    op->c = c;
    return op;
}

// One field of a VMCS.
static inline void reply_write(struct reply *rep, uint32_t handle, enum vmcs_field field, uint64_t value)
{
    reply_op(rep, OP_WRITE_FIELD, handle, (uint32_t)field, value, 0);
}

// A field for OP_WRITE_GROUPS, which takes whole groups: set every field of them.
static inline void reply_field(struct reply *rep, uint32_t bank, enum vmcs_field field, uint64_t value)
{
    rep->field[bank][field] = value;
}

// A register of the guest; GPR_RSP stands for CR2, RSP is a field.
static inline void reply_gpr(struct reply *rep, enum gpr gpr, uint64_t value)
{
    rep->gpr[gpr] = value;
    rep->set |= SET_GPR(gpr);
}

// CF, PF, AF, ZF, SF and OF of L1, in the answer to an exit of its.
static inline void reply_flags(struct reply *rep, uint64_t flags)
{
    rep->rflags = flags;
    rep->set |= SET_FLAGS;
}

// Verdicts: what happens when the operations are applied.
static inline void reply_resume(struct reply *rep) { rep->verdict = VERDICT_RESUME; }
static inline void reply_l1(struct reply *rep) { rep->verdict = VERDICT_L1; }
static inline void reply_l2(struct reply *rep, uint32_t vmcs02)
{
    rep->verdict = VERDICT_L2;
    rep->vmcs02 = vmcs02;
}
static inline void reply_return(struct reply *rep, enum status status)
{
    rep->verdict = VERDICT_RETURN;
    rep->status = (uint32_t)status;
}
// The next partition of the route gets the message, with these in arg[0] to arg[3].
static inline void reply_forward(struct reply *rep, uint64_t arg0, uint64_t arg1, uint64_t arg2, uint64_t arg3)
{
    rep->verdict = VERDICT_FORWARD;
    rep->arg[0] = arg0;
    rep->arg[1] = arg1;
    rep->arg[2] = arg2;
    rep->arg[3] = arg3;
    rep->arg[4] = 0;
    rep->arg[5] = 0;
}

// The VMCS that the message came from.
static inline uint32_t request_handle(const struct request *req)
{
    return req->origin == ORIGIN_L1 ? VMCS_HANDLE_01 : VMCS_HANDLE_02 + req->vmcs02;
}

// Event injection (SDM 3C 25.8.3 "VM-Entry Controls for Event Injection").
#define EVENT_TYPE_EXTERNAL  (0u << 8)
#define EVENT_TYPE_NMI       (2u << 8)
#define EVENT_TYPE_EXCEPTION (3u << 8)
#define EVENT_TYPE_SOFT_INTR (4u << 8)
#define EVENT_TYPE_PRIV_SOFT (5u << 8)
#define EVENT_TYPE_SOFT_EXC  (6u << 8)
#define EVENT_TYPE_MTF       (7u << 8)  // with vector 0: no event, but the exit
#define EVENT_TYPE_MASK      (7u << 8)
#define EVENT_HAS_ERROR      (1u << 11)
#define EVENT_VALID          (1u << 31)
enum vector { VECTOR_DB = 1, VECTOR_NMI = 2, VECTOR_BP = 3, VECTOR_OF = 4, VECTOR_UD = 6, VECTOR_DF = 8, VECTOR_TS = 10, VECTOR_NP = 11,
              VECTOR_SS = 12, VECTOR_GP = 13, VECTOR_PF = 14, VECTOR_AC = 17, VECTOR_MC = 18, VECTOR_VE = 20 };

// Injects an event at the next entry on that VMCS. The partition needs the group EVENT.
//   event: vector | EVENT_TYPE_... [| EVENT_HAS_ERROR];  length: of the instruction, for software interrupts and exceptions
static inline void reply_event(struct reply *rep, uint32_t handle, uint32_t event, uint32_t error, uint32_t length)
{
    reply_write(rep, handle, VMCS_ENTRY_INTR_INFO, event | EVENT_VALID);
    if (event & EVENT_HAS_ERROR)
        reply_write(rep, handle, VMCS_ENTRY_EXCEPTION_ERROR, error);
    if (length != 0)
        reply_write(rep, handle, VMCS_ENTRY_INSTRUCTION_LENGTH, length);
}
// A hardware exception with or without error code. A #PF also needs the address: reply_gpr(rep, GPR_CR2, address).
static inline void reply_exception(struct reply *rep, uint32_t handle, enum vector vector)
{
    reply_event(rep, handle, (uint32_t)vector | EVENT_TYPE_EXCEPTION, 0, 0);
}
static inline void reply_exception_error(struct reply *rep, uint32_t handle, enum vector vector, uint32_t error)
{
    reply_event(rep, handle, (uint32_t)vector | EVENT_TYPE_EXCEPTION | EVENT_HAS_ERROR, error, 0);
}

#define RFLAGS_TF                 (1ull << 8)
#define INTERRUPTIBILITY_STI      1u
#define INTERRUPTIBILITY_MOV_SS   2u
#define PENDING_DEBUG_SINGLE_STEP (1ull << 14)
#define ACCESS_RIGHTS_LONG        (1u << 13)

// The instruction that exited is done: RIP behind it, in the VMCS that the message came from. Of L1's exits the kernel does it, and needs no groups
// of the request. Of an L2's it takes the groups EXIT and RIP, and of groups that are also there: BLOCKING: blocking by STI and MOV SS ends;
// MODE: RIP wraps at 4 GiB outside 64-bit code; PENDING: with RFLAGS.TF a single-step trap becomes pending (SDM 3C 25.4.2 "Guest Non-Register
// State").
static inline void reply_advance_l2(const struct request *req, struct reply *rep, uint32_t handle)
{
    const uint64_t *field = req->field[0];
    uint64_t rip = field[VMCS_GUEST_RIP] + field[VMCS_EXIT_INSTRUCTION_LENGTH];
    if ((req->groups & GROUP_MODE) && !(field[VMCS_GUEST_CS_ACCESS_RIGHTS] & ACCESS_RIGHTS_LONG))
        rip &= 0xffffffffull;
    reply_write(rep, handle, VMCS_GUEST_RIP, rip);
    if (req->groups & GROUP_BLOCKING) {
        const uint64_t blocking = field[VMCS_GUEST_INTERRUPTIBILITY];
        if (blocking & (INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS))
            reply_write(rep, handle, VMCS_GUEST_INTERRUPTIBILITY, blocking & ~3ull);
    }
    if ((req->groups & GROUP_PENDING) && (field[VMCS_GUEST_RFLAGS] & RFLAGS_TF))
        reply_write(rep, handle, VMCS_GUEST_PENDING_DEBUG, field[VMCS_GUEST_PENDING_DEBUG] | PENDING_DEBUG_SINGLE_STEP);
}

// The same by the kernel also for an L2's exit, in a reply with VERDICT_RESUME and no operations, by who may write group RIP of VMCS02s.
static inline void reply_advance(struct reply *rep) { rep->set |= SET_ADVANCE; }

static inline void reply_advance_rip(const struct request *req, struct reply *rep)
{
    if (req->kind == MSG_EXIT && req->origin == ORIGIN_L1)
        rep->set |= SET_ADVANCE;
    else
        reply_advance_l2(req, rep, request_handle(req));
}
