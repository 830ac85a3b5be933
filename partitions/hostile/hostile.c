// SPDX-License-Identifier: BSD-2-Clause
// hostile and pauper, for tests: at a hypercall of the guest's they try what a partition must not get away with (attempt.def). A message that
// comes a second time says so: the first one ended in a fault.

#include <caps/hypercall.h>
#include <rt/call.h>
#include <rt/partition.h>
#include <rt/reply.h>
#include <rt/state.h>

#include "hostile.h"
#include "race.h"

STATE struct plan plan;

enum kind { KIND_ATTEMPT, KIND_INVOKED, KIND_REPLIED, KIND_ANSWER };

static const struct {
    const char *name, *text;
    enum kind kind;
    uint64_t (*attempt)(const struct try *try);
    void (*spoil)(const struct try *try);
} attempts[ATTEMPT_COUNT] = {
#define ATTEMPT(name, who, count, expect, text) { #name, text, KIND_ATTEMPT, attempt_##name, 0 },
#define BATCH(name, who, count, invoked, expect, text) \
    { #name "_invoked", text, KIND_INVOKED, 0, attempt_##name }, { #name "_replied", text, KIND_REPLIED, 0, attempt_##name },
#define ANSWER(name, who, count, expect, text) { #name, text, KIND_ANSWER, 0, attempt_##name },
#include "attempt.def"
#undef ATTEMPT
#undef BATCH
#undef ANSWER
};

static const struct { const char *name, *text; } races[RACE_COUNT] = {
#define RACE(name, end, member, first, second, text, ...) { #name, text },
#include "race.def"
#undef RACE
};

static const struct { const char *name, *text; } instructions[INSTRUCTION_COUNT] = {
#define INSTRUCTION(name, vectors, ...) { #name, vectors },
#include "instruction.def"
#undef INSTRUCTION
};

void answer(const struct request *req, struct reply *rep, uint64_t outcome, uint64_t value)
{
    rep->op_count = 0;
    reply_gpr(rep, GPR_RAX, outcome);
    reply_gpr(rep, GPR_RBX, value);
    reply_advance_rip(req, rep);
    reply_resume(rep);
}

// What follows in the log is this attempt's.
static void note(const struct request *req, struct reply *rep)
{
    const uint64_t number = req->gpr[GPR_RBX], parameter = req->gpr[GPR_RCX];
    if (number < ATTEMPT_COUNT) {
        const bool instruction = number == TRY_instruction && parameter < INSTRUCTION_COUNT, race = number == TRY_race && parameter < RACE_COUNT;
        const char *name = instruction ? instructions[parameter].name : race ? races[parameter].name : "-";
        const char *text = instruction ? instructions[parameter].text : race ? races[parameter].text : attempts[number].text;
        rt_log(LOG_INFO, "try %s %s %lu %s expect=%ld text=%s", req->gpr[GPR_RSI] == RICH ? "hostile" : req->gpr[GPR_RSI] == POOR ? "pauper" : "thief", attempts[number].name, parameter, name,
               (long)req->gpr[GPR_RDX], text);
    } else {
        rt_log(LOG_INFO, "try end");
    }
    answer(req, rep, OUTCOME_ENDED, 0);
}

static void run(const struct request *req, struct reply *rep)
{
    const struct try try = { req, rep, req->gpr[GPR_RCX], req->gpr[GPR_RDX], req->gpr[GPR_RSI] };
    const uint64_t number = req->gpr[GPR_RBX];
    const bool again = number == TRY_fault_twice || number == TRY_fault_thrice || number == TRY_never_replies_twice ||
        number == TRY_applied_refused || number == TRY_applied_refused_twice;
    if (number >= ATTEMPT_COUNT || (req->attempt != 0 && !again)) {
        answer(req, rep, OUTCOME_FAULTED, 0);
        return;
    }
    uint64_t value = 0;
    switch (attempts[number].kind) {
    case KIND_ATTEMPT:
        value = attempts[number].attempt(&try);
        break;
    case KIND_INVOKED:
        attempts[number].spoil(&try);
        value = (uint64_t)rt_invoke();
        break;
    case KIND_REPLIED:
    case KIND_ANSWER:
        answer(req, rep, OUTCOME_ENDED, 0);
        attempts[number].spoil(&try);
        return;
    }
    answer(req, rep, OUTCOME_ENDED, value);
}

static void called(const struct request *req, struct reply *rep)
{
    const uint64_t what = req->arg[0];
    if ((what == TRY_call_faults_once && req->attempt == 0) || what == TRY_call_faults_twice)
        __builtin_trap();
    rep->arg[0] = req->arg[0];
    reply_return(rep, STATUS_OK);
    if (what == TRY_call_status)
        rep->status = 999;
    if (what == TRY_call_verdict && req->attempt == 0)
        reply_resume(rep);
}

// An L2 that could not be entered: L1 goes on behind its hypercall, whose registers this message doesn't have.
static void entry_failed(const struct request *req, struct reply *rep)
{
    if (rt_fetch(VMCS_HANDLE_01, GROUPS_EXIT | GROUPS_RIP, 0) != STATUS_OK)
        rt_panic("VMCS01 can't be read");
    reply_write(rep, VMCS_HANDLE_01, VMCS_GUEST_RIP, req->field[0][VMCS_GUEST_RIP] + req->field[0][VMCS_EXIT_INSTRUCTION_LENGTH]);
    reply_l1(rep);
}

void partition_message(const struct request *req, struct reply *rep)
{
    switch ((enum msg_kind)req->kind) {
    case MSG_INIT:
        if (plan.fault_in_init)
            __builtin_trap();
        break;
    case MSG_EXIT:
        if (req->gpr[GPR_RAX] == HYPERCALL_HOSTILE_NOTE)
            note(req, rep);
        else
            run(req, rep);
        break;
    case MSG_ENTRY_FAILED:
        entry_failed(req, rep);
        break;
    case MSG_CALL:
        called(req, rep);
        break;
    case MSG_KILL:
        if (plan.fault_in_init == 0 && req->gpr[GPR_RBX] == TRY_fault_thrice)
            __builtin_trap();
        break;
    }
}
