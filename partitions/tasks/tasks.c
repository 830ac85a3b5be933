// SPDX-License-Identifier: BSD-2-Clause
// tasks: hardware task switches for L1. VMX leaves them to the hypervisor (SDM 3C 26.4.2 "Treatment of Task Switches"); few systems use them, so that they
// have a partition of their own. Without it a task switch is #GP.

#include <rt/partition.h>
#include <rt/reply.h>

#include "task.h"

#define RFLAGS_RF         (1ull << 16)
#define ACTIVITY_SHUTDOWN 2u

const struct partition_header header PARTITION_SECTION = {
    PARTITION("tasks"),
    .rights = RIGHT_LOG | RIGHT_WINDOW_READ | RIGHT_WINDOW_WRITE,
    .vmcs[VMCS_KIND_01] = { .read = TASK_READS & ~GROUP_GPR, .write = TASK_WRITES | GROUP_EVENT | GROUP_EVENT_DATA },
    .routes = { ROUTE(L1, TASK_SWITCH, TASK_READS) },
};

static bool contributory(uint32_t vector) { return vector == 0 || (vector >= VECTOR_TS && vector <= VECTOR_GP); }

// A fault while an exception was being delivered (SDM 3A Table 6-5 "Conditions for Generating a Double Fault"). false: a triple fault.
static bool combine(uint32_t vectoring, struct task_fault *fault)
{
    const uint32_t first = vectoring & 0xff;
    if (!(vectoring & EVENT_VALID) || (vectoring & EVENT_TYPE_MASK) != EVENT_TYPE_EXCEPTION)
        return true;
    if (first == VECTOR_DF && (contributory(fault->vector) || fault->vector == VECTOR_PF))
        return false;
    if ((contributory(first) && contributory(fault->vector)) || (first == VECTOR_PF && (contributory(fault->vector) || fault->vector == VECTOR_PF)))
        *fault = (struct task_fault){ VECTOR_DF, 0, 0 };
    return true;
}

static void give_fault(const struct request *req, struct reply *rep, enum task_result result, struct task_fault fault)
{
    uint64_t *field = rep->field[0];
    if (result == TASK_REFUSED && !combine((uint32_t)req->field[0][VMCS_IDT_VECTORING_INFO], &fault)) {
        field[VMCS_GUEST_ACTIVITY_STATE] = ACTIVITY_SHUTDOWN;
        return;
    }
    field[VMCS_GUEST_RFLAGS] |= RFLAGS_RF;
    if (fault.vector == VECTOR_PF)
        reply_gpr(rep, GPR_CR2, fault.address);
    reply_exception_error(rep, VMCS_HANDLE_01, (enum vector)fault.vector, fault.error);
}

void partition_message(const struct request *req, struct reply *rep)
{
    struct task_fault fault;
    bool reloaded;
    if (req->kind != MSG_EXIT)
        return;
    for (unsigned i = 0; i < VMCS_FIELD_COUNT; i++)
        if (TASK_WRITES >> vmcs_field_info[i].group & 1)
            rep->field[0][i] = req->field[0][i];
    for (unsigned i = 0; i < GPR_COUNT; i++)
        rep->gpr[i] = req->gpr[i];
    const enum task_result result = task_switch(req, rep->field[0], rep->gpr, &fault, &reloaded);
    reply_op(rep, OP_WRITE_GROUPS, VMCS_HANDLE_01, 0, TASK_WRITES, 0);
    if (reloaded)
        reply_op(rep, OP_L1_FLUSH, 0, 0, 0, 0);
    if (result != TASK_REFUSED)
        rep->set |= SET_GPRS & ~SET_GPR(GPR_CR2);
    if (result == TASK_TRAPPED)
        reply_exception(rep, VMCS_HANDLE_01, VECTOR_DB);
    else if (result != TASK_SWITCHED)
        give_fault(req, rep, result, fault);
}
