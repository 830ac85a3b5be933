// SPDX-License-Identifier: BSD-2-Clause
// The partition trustvisor: isolates pieces of programs (PALs) from everything else that runs on the machine.
#include <rt/call.h>
#include <rt/partition.h>
#include <rt/reply.h>

#include "call.h"
#include "caller.h"
#include "commit.h"
#include "cpuid_insn.h"
#include "end.h"
#include "identity.h"
#include "pal.h"
#include "random.h"
#include "register.h"
#include "seal_key.h"
#include "seed.h"
#include "share.h"
#include "turn.h"
#include "utpm_call.h"
#include "vector.h"

#define PF_VECTOR     14u
#define INTR_VECTOR   0xffu
#define INTR_TYPE     0x700u
#define INTR_NMI      0x200u
#define CPUID_FLAG_64    1u
#define CPUID_FLAG_EPT12 2u

// The instruction of a program or a PAL is done.
static void advance(const struct request *req, struct reply *rep)
{
    if (req->origin == ORIGIN_L2)
        reply_advance_l2(req, rep, VMCS_HANDLE_L2);
    else
        reply_advance_rip(req, rep);
}

static void finish(const struct request *req, struct reply *rep, uint64_t result)
{
    reply_gpr(rep, GPR_RAX, result);
    advance(req, rep);
}

static void test(uint64_t value) { rt_log(LOG_INFO, "pal test %lu", (unsigned long)value); }

// A hypercall of a program's.
static void program_call(const struct request *req, struct reply *rep)
{
    struct caller caller = caller_of(req);
    const uint64_t mask = width(caller.word, ~0ull), ecx = req->gpr[GPR_RCX] & mask;
    struct registered done = { .result = TV_ERROR };
    switch (req->gpr[GPR_RAX] - (req->origin == ORIGIN_L2 ? TV_CALL_L2_OFFSET : 0)) {
    case TV_CALL_REGISTER:
        done = register_pal(req, rep, &caller, ecx, req->gpr[GPR_RSI] & mask, req->gpr[GPR_RDI] & mask);
        break;
    case TV_CALL_UNREGISTER:
        done = unregister_pal(req, &caller, ecx);
        break;
    case TV_CALL_SHARE:
        done = share_pal(req, rep, &caller, ecx, req->gpr[GPR_RDX] & mask, req->gpr[GPR_RSI] & mask, req->gpr[GPR_RDI] & mask);
        break;
    case TV_CALL_TEST:
        test(ecx);
        done.result = TV_OK;
        break;
    default:
        break;  // only PALs have a micro-TPM
    }
    rep->op_count = 0;
    if (!caller_by_ept12(&caller, rep))
        finish(req, rep, done.result);
    if (done.pal != NULL)
        commit(req, rep, done.pal, done.from, done.to);
}

static uint32_t cpuid_flags(uint32_t word, const struct paging *paging)
{
    return (word == 8 ? CPUID_FLAG_64 : 0) | (paging->eptp12 != 0 ? CPUID_FLAG_EPT12 : 0);
}

// What a program finds us by; every other subleaf is somebody else's.
static void program_cpuid(const struct request *req, struct reply *rep)
{
    if ((uint32_t)req->gpr[GPR_RCX] != (req->origin == ORIGIN_L2 ? TV_CALL_L2_OFFSET : 0)) {
        reply_forward(rep, 0, 0, 0, 0);
        return;
    }
    const struct caller caller = caller_of(req);
    reply_gpr(rep, GPR_RAX, TV_CPUID_ANSWER);
    reply_gpr(rep, GPR_RBX, TV_CPUID_NO_PAL);
    reply_gpr(rep, GPR_RCX, cpuid_flags(caller.word, &caller.paging));
    reply_gpr(rep, GPR_RDX, 0);
    advance(req, rep);
}

static void program_exit(const struct request *req, struct reply *rep)
{
    switch (req->reason & EXIT_REASON_BASIC) {
    case EXIT_EPT_VIOLATION: call_violation(req, rep); break;
    case EXIT_CPUID: program_cpuid(req, rep); break;
    default: program_call(req, rep); break;
    }
}

static void pal_cpuid(struct pal *pal, const struct request *req, struct reply *rep)
{
    uint32_t out[4] = { TV_CPUID_ANSWER, pal_number(pal), cpuid_flags(pal->word, &pal->paging), 0 };
    const uint32_t leaf = (uint32_t)req->gpr[GPR_RAX], subleaf = (uint32_t)req->gpr[GPR_RCX];
    if (leaf != TV_CPUID || (subleaf != 0 && subleaf != TV_CALL_L2_OFFSET))  // either: a PAL needn't know where its program runs
        insn_cpuid(leaf, subleaf, out);
    reply_gpr(rep, GPR_RAX, out[0]);
    reply_gpr(rep, GPR_RBX, out[1]);
    reply_gpr(rep, GPR_RCX, out[2]);
    reply_gpr(rep, GPR_RDX, out[3]);
    reply_advance_rip(req, rep);
}

static void pal_call(struct pal *pal, const struct request *req, struct reply *rep)
{
    const uint64_t mask = width(pal->word, ~0ull);
    const struct utpm_arguments argument = { req->gpr[GPR_RCX] & mask, req->gpr[GPR_RDX] & mask, req->gpr[GPR_RSI] & mask, req->gpr[GPR_RDI] & mask };
    const uint64_t number = req->gpr[GPR_RAX] - (req->gpr[GPR_RAX] >= TV_CALL_L2_OFFSET ? TV_CALL_L2_OFFSET : 0);
    uint32_t result = TV_OK;
    if (number == TV_CALL_TEST) {
        test(argument.ecx);
    } else {
        turn_pause(pal);
        result = utpm_call(pal, (enum tv_call)number, &argument);
        turn_begin(pal);
    }
    finish(req, rep, result);
}

static void pal_event(struct pal *pal, const struct request *req, struct reply *rep)
{
    const uint64_t *field = req->field[0];
    const uint32_t info = (uint32_t)field[VMCS_EXIT_INTR_INFO];
    if ((info & INTR_TYPE) == INTR_NMI)
        call_suspend(pal, req, rep);  // the kernel gives L1 its NMI
    else if ((info & INTR_VECTOR) == PF_VECTOR && field[VMCS_EXIT_QUALIFICATION] == CALL_SENTINEL && field[VMCS_GUEST_RIP] == CALL_SENTINEL)
        call_return(pal, req, rep);
    else
        call_broken(pal, req, rep, "an exception");
}

static void pal_exit(const struct request *req, struct reply *rep)
{
    struct pal *pal = &pal_table[req->vmcs02];
    if (req->vmcs02 >= PAL_MAX || !pal_is(pal, PAL_RUNNING, req->cpu))
        rt_panic("an exit of a PAL that doesn't run here");
    switch (req->reason & EXIT_REASON_BASIC) {
    case EXIT_EXCEPTION_OR_NMI: pal_event(pal, req, rep); break;
    case EXIT_EXTERNAL_INTERRUPT: case EXIT_INIT: call_suspend(pal, req, rep); break;
    case EXIT_CPUID: pal_cpuid(pal, req, rep); break;
    case EXIT_MONITOR_TRAP: break;  // the kernel stepped it, to find out about an NMI
    case EXIT_VMCALL: pal_call(pal, req, rep); break;
    default: call_broken(pal, req, rep, "not for a PAL"); break;
    }
}

// Keys, before anybody asks. They are the same as at the boot before where the loader had a seed from the TPM.
static void keys_start(void)
{
    static const char *const lasting[] = {
        [SEED_NONE] = "for this boot only", [SEED_NO_TPM] = "for this boot only: no TPM",
        [SEED_UNUSABLE] = "for this boot only: the TPM can't be used for them, the loader has said why", [SEED_TPM] = "kept by the TPM",
    };
    random_stir(seed_given.noise, seed_given.noise_bytes);
    if (!seal_key_make())
        rt_log(LOG_WARN, "no RDRAND and no RDSEED: nothing can be sealed");
    identity_start();
    rt_log(LOG_INFO, "keys are %s", lasting[seed_given.origin <= SEED_TPM ? seed_given.origin : SEED_NONE]);
    seed_forget();
}

static void message_init(const struct request *req, struct reply *rep)
{
    static uint8_t vectors[PAL_VECTORS] __attribute__((aligned(64)));
    if (req->arg[0] == 0) {
        if (!vector_fits())
            rt_panic("the vector state is larger than an area for it");
        vector_save(vectors);
        keys_start();
        vector_load(vectors);
    }
    // After a fault: what was half done is undone, finished, or goes on when its message comes again.
    commit_init(req->arg[1]);
    for (struct pal *pal = pal_table; pal < &pal_table[PAL_MAX]; pal++) {
        if (pal_state(pal) == PAL_MAKING && !commit_waits(pal))
            end_making_rest(pal, rep);
        if (pal_state(pal) == PAL_ENDING && !pal->entered)  // else its CPU's message comes again
            end_pages_rest(pal, rep);
        if (pal_state(pal) >= PAL_IDLE && pal_state(pal) < PAL_ENDING)
            share_rest(pal, rep);
    }
    rep->op_count = 0;
    reply_return(rep, STATUS_OK);
}

// The message before this one, on this CPU, was cut short while the CPU's registers were ours.
static void put_back(uint32_t cpu)
{
    for (struct pal *pal = pal_table; pal < &pal_table[PAL_MAX]; pal++)
        if (pal_is(pal, PAL_UNMADE, cpu)) {
            turn_end(pal);
            pal_change(pal, PAL_UNMADE, PAL_FREE, 0);
        }
}

// What a message was at when it failed, on this CPU: a PAL ends.
static void kill_pals(uint32_t cpu, struct reply *rep)
{
    for (struct pal *pal = pal_table; pal < &pal_table[PAL_MAX]; pal++) {
        if (pal_is(pal, PAL_MAKING, cpu))
            end_making(pal, rep);
        if (pal_is(pal, PAL_SHARING, cpu)) {
            share_keep(pal);  // all of it is lent, or nothing
            pal_change(pal, PAL_SHARING, PAL_IDLE, cpu);
        }
        const bool in_call = pal_is(pal, PAL_STARTING, cpu) || pal_is(pal, PAL_RESUMING, cpu) || pal_is(pal, PAL_RUNNING, cpu);
        if (in_call && pal->turn != TURN_NONE)
            turn_end(pal);
        if (in_call || pal_is(pal, PAL_CLOSING, cpu))
            pal_change(pal, pal_state(pal), PAL_ENDING, cpu);
        if (pal_is(pal, PAL_ENDING, cpu))
            end_pages(pal, rep);
    }
}

// A message of L1's that is no call: whoever looks at a PAL's page (the system, for somebody else), or looks for us, has done nothing to pay for.
static bool only_looks(const struct request *req)
{
    const uint32_t reason = req->reason & EXIT_REASON_BASIC;
    return reason == EXIT_CPUID || (reason == EXIT_EPT_VIOLATION && !(req->field[0][VMCS_EXIT_QUALIFICATION] & QUALIFICATION_FETCH));
}

// Twice it went wrong: the program that is behind it pays.
static void message_kill(const struct request *req, struct reply *rep)
{
    const uint32_t handle = req->origin == ORIGIN_PAL && req->vmcs02 < PAL_MAX ? pal_table[req->vmcs02].handle : VMCS_HANDLE_01;
    commit_forget(req->cpu);
    put_back(req->cpu);
    kill_pals(req->cpu, rep);
    rep->op_count = 0;
    if (req->origin == ORIGIN_L2 || (req->origin == ORIGIN_L1 && only_looks(req))) {
        reply_forward(rep, 0, 0, 0, 0);  // then it is an exit as any other of an L2's, or the kernel shows ones
        return;
    }
    reply_exception_error(rep, handle, VECTOR_GP, 0);
    reply_l1(rep);
}

// true: it has come before, and is answered as it was then.
static bool answered(const struct request *req, struct reply *rep)
{
    if (__builtin_expect(req->attempt == 0, 1)) {
        commit_forget(req->cpu);
        return false;
    }
    put_back(req->cpu);
    return commit_again(req, rep);
}

void partition_message(const struct request *req, struct reply *rep)
{
    switch (req->kind) {
    case MSG_INIT:
        message_init(req, rep);
        return;
    case MSG_EXIT:
        if (answered(req, rep))
            return;
        if (req->origin == ORIGIN_PAL)
            pal_exit(req, rep);
        else
            program_exit(req, rep);
        return;
    case MSG_ENTRY_FAILED:
    case MSG_KILL:
        message_kill(req, rep);
        return;
    default:
        rt_panic("a message that the kernel doesn't send to trustvisor");
    }
}
