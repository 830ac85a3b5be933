// SPDX-License-Identifier: BSD-2-Clause
// Exits 201 (SDM 3C chapter 28 "VM Exits"): exit information and guest state into VMCS12, VMCS12's host state into VMCS01.

#include <caps/exit_reason.h>
#include <rt/call.h>
#include <rt/reply.h>
#include <rt/state.h>

#include "cpu.h"
#include "event.h"
#include "exit.h"
#include "field.h"
#include "l1_state.h"
#include "msr_list.h"
#include "shadow.h"
#include "vmcap.h"
#include "vmcs02.h"
#include "x86.h"

#define BLOCKING_BY_NMI 8u
#define ACTIVITY_ACTIVE 0u

// Groups whose values the message may carry on to VMCS12.
#define DETAIL_GROUPS (GROUP_EXIT_EVENT | GROUP_VECTORING | GROUP_EXIT_INSN | GROUP_ADDRESS)

// Groups of guest state that an exit saves into VMCS12, which we leave in VMCS02 until somebody asks.
static uint64_t saved_groups(const struct vmcs12 *v)
{
    uint64_t groups = GROUPS_CR | GROUPS_PRIVILEGE | SEGMENT_GROUPS | GROUP_TABLES | GROUP_SYSENTER | GROUP_PENDING;
    if (vmcs12_exit(v, EXIT_SAVE_DEBUG_CONTROLS))
        groups |= GROUP_DEBUG;
    if (vmcs12_exit(v, EXIT_SAVE_EFER))
        groups |= GROUP_EFER;
    if (vmcs12_exit(v, EXIT_SAVE_PAT))
        groups |= GROUP_PAT;
    if (vmcs12_exit(v, EXIT_SAVE_PREEMPTION_TIMER))
        groups |= GROUP_TIMER;
    if (vmcs12_proc2(v, PROC2_ENABLE_EPT))
        groups |= GROUP_PDPTE;
    if (vmcs12_proc2(v, PROC2_VIRTUAL_INTERRUPT_DELIVERY))
        groups |= GROUP_VIRT_INTR;
    // EFER.LMA goes into a VM-entry control; it changes only where L2 can turn paging on and off by itself.
    if ((vmcap_misc() & MISC_STORES_LMA) && vmcs12_proc2(v, PROC2_UNRESTRICTED_GUEST) && !(vmcs12_get(v, VMCS_CR0_GUEST_HOST_MASK) & CR0_PG))
        groups |= GROUP_CONTROLS;
    return groups;
}

// What VMCS12 loads but doesn't save, and L2 may have changed in VMCS02.
static uint64_t not_saved(const struct vmcs12 *v, const struct vmcs02 *vmcs02)
{
    uint64_t groups = 0;
    if (!vmcs12_exit(v, EXIT_SAVE_EFER))
        groups |= GROUP_EFER;
    if (!vmcs12_exit(v, EXIT_SAVE_PAT))
        groups |= GROUP_PAT;
    groups &= ~vmcs02->stable;
    if (!vmcs12_exit(v, EXIT_SAVE_DEBUG_CONTROLS))
        groups |= GROUP_DEBUG;
    if (vmcs12_pin(v, PIN_PREEMPTION_TIMER) && !vmcs12_exit(v, EXIT_SAVE_PREEMPTION_TIMER))
        groups |= GROUP_TIMER;
    return groups;
}

static inline __attribute__((always_inline)) void put(struct vmcs12 *v, enum vmcs_field field, uint64_t value, uint64_t *changed)
{
    if (vmcs12_put(v, field, value))
        *changed |= 1ull << vmcs_field_info[field].group;
}

// The cause, and what every message of an L2's exit carries (EXIT_GROUPS).
static void put_exit(const struct message *m, struct vmcs12 *v, const struct exit_cause *cause, uint64_t *changed)
{
    put(v, VMCS_EXIT_REASON, cause->reason, changed);
    put(v, VMCS_EXIT_QUALIFICATION, cause->qualification, changed);
    put(v, VMCS_EXIT_INSTRUCTION_LENGTH, exit_field(m, VMCS_EXIT_INSTRUCTION_LENGTH), changed);
    put(v, VMCS_GUEST_RIP, exit_field(m, VMCS_GUEST_RIP), changed);
    put(v, VMCS_GUEST_RSP, exit_field(m, VMCS_GUEST_RSP), changed);
    put(v, VMCS_GUEST_RFLAGS, exit_field(m, VMCS_GUEST_RFLAGS), changed);
    uint64_t blocking = exit_field(m, VMCS_GUEST_INTERRUPTIBILITY);
    if (__builtin_expect(event_blocks_really(v), 0))
        blocking = (blocking & ~(uint64_t)BLOCKING_BY_NMI) | (vmcs12_get(v, VMCS_GUEST_INTERRUPTIBILITY) & BLOCKING_BY_NMI);
    put(v, VMCS_GUEST_INTERRUPTIBILITY, blocking, changed);
    put(v, VMCS_GUEST_ACTIVITY_STATE, m->have & GROUP_ACTIVITY ? exit_field(m, VMCS_GUEST_ACTIVITY_STATE) : ACTIVITY_ACTIVE, changed);
}

// What messages of some reasons carry besides; zero where the event of an exit is known to be none.
static void put_details(const struct message *m, struct vmcs12 *v, uint64_t *changed)
{
    if (!(m->have & GROUP_EXIT_EVENT))
        put(v, VMCS_EXIT_INTR_INFO, 0, changed);
    if (!(m->have & GROUP_VECTORING))
        put(v, VMCS_IDT_VECTORING_INFO, 0, changed);
    FOR_GROUPS(m->have & DETAIL_GROUPS, field)
        put(v, (enum vmcs_field)*field, m->req->field[0][*field], changed);
    if ((m->req->flags & REQUEST_FORWARDED) && m->req->arg[4] != 0) {  // the addresses are not those of the CPU's exit
        put(v, VMCS_GUEST_LINEAR_ADDR, m->req->arg[2], changed);
        put(v, VMCS_GUEST_PHYSICAL_ADDR, m->req->arg[3], changed);
    }
}

struct exception { uint32_t event, error; };

// Instead of the exit that the CPU told of. RF is what the exception would have pushed: a fault's is set (SDM 3C 28.3.3 "Saving RIP, RSP, RFLAGS,
// and SSP").
static __attribute__((noinline)) void put_exception(const struct message *m, struct vmcs12 *v, const struct exception *exception, uint64_t *changed)
{
    put(v, VMCS_EXIT_INTR_INFO, exception->event, changed);
    put(v, VMCS_EXIT_INTR_ERROR, exception->error, changed);
    put(v, VMCS_IDT_VECTORING_INFO, 0, changed);
    put(v, VMCS_GUEST_RFLAGS, exit_field(m, VMCS_GUEST_RFLAGS) | RFLAGS_RF, changed);
}

// NMIs after the exit: blocked by the NMI that caused it, or still as L2 left it (with virtual NMIs that was another matter).
static bool nmi_blocked(const struct vmcs12 *v, const struct exit_cause *cause)
{
    if (cause->reason == EXIT_EXCEPTION_OR_NMI && event_is_nmi(vmcs12_get(v, VMCS_EXIT_INTR_INFO)))
        return true;
    return !vmcs12_pin(v, PIN_VIRTUAL_NMIS) && (vmcs12_get(v, VMCS_GUEST_INTERRUPTIBILITY) & BLOCKING_BY_NMI);
}

// L1 goes on at its host RIP. loaded: the entry had loaded guest state.
static void enter_l1(struct message *m, struct vmcs12 *v, bool blocked, bool loaded)
{
    const bool valid = l1_state_load(m, v, blocked, loaded);
    event_pending_to_l1(m);
    // Without VPIDs the entry and the exit end L1's own translations as well (SDM 3C 29.4.3.1 "Operations that Invalidate Cached Mappings").
    if (!vmcs12_proc2(v, PROC2_ENABLE_VPID))
        reply_op(m->rep, OP_L1_FLUSH, 0, 0, 0, 0);
    if (valid && !msr_list_exit_load(m, v))
        l1_state_abort(m, v, ABORT_MSR_LOAD);
    reply_l1(m->rep);
}

// The entry is over: the event was injected, VMLAUNCH launched.
static inline __attribute__((always_inline)) void put_entered(struct vmcs12 *v, uint64_t *changed)
{
    const uint64_t event = vmcs12_get(v, VMCS_ENTRY_INTR_INFO);
    if (__builtin_expect((event & EVENT_VALID) != 0, 0))
        put(v, VMCS_ENTRY_INTR_INFO, event & ~(uint64_t)EVENT_VALID, changed);
    if (!v->launched)
        state_set(&v->launched, VMCS12_LAUNCHED);
}

// exception: what there is instead of the message's event; or NULL.
static void deliver(struct message *m, struct vmcs12 *v, struct exit_cause cause, const struct exception *exception)
{
    struct vmcs02 *vmcs02 = vmcs02_of(v);
    uint64_t changed = 0;

    put_exit(m, v, &cause, &changed);
    put_details(m, v, &changed);
    if (__builtin_expect(exception != NULL, 0))
        put_exception(m, v, exception, &changed);
    put_entered(v, &changed);

    if (vmcs02->saves == 0) {
        vmcs02->saves = saved_groups(v);
        vmcs02->loses = not_saved(v, vmcs02);
    }
    if (v->lazy != vmcs02->saves)
        state_set(&v->lazy, vmcs02->saves);
    vmcs02->dirty |= vmcs02->loses;

    const bool stored = v->stored || msr_list_exit_store(m, v);
    // Loading L1's MSRs is done at once: a second attempt must not take them for L2's.
    if (stored && !v->stored && vmcs12_get(v, VMCS_EXIT_MSR_LOAD_COUNT) != 0) {
        state_set(&v->stored, 1);
        state_keep();
    }
    if (vmx_cpu_shadowing(m->cpu))
        shadow_update(m, v, changed);
    enter_l1(m, v, nmi_blocked(v, &cause), true);
    if (!stored)
        l1_state_abort(m, v, ABORT_MSR_STORE);
    if (v->stored)
        state_set(&v->stored, 0);
}

void exit_deliver_cause(struct message *m, struct vmcs12 *v, struct exit_cause cause) { deliver(m, v, cause, NULL); }

void exit_deliver_exception(struct message *m, struct vmcs12 *v, uint32_t event, uint32_t error, uint64_t qualification)
{
    const struct exception exception = { event, error };
    deliver(m, v, (struct exit_cause){ EXIT_EXCEPTION_OR_NMI, qualification }, &exception);
}

void exit_deliver(struct message *m, struct vmcs12 *v)
{
    message_need(m, EXIT_GROUPS);
    exit_deliver_cause(m, v, (struct exit_cause){ m->req->reason, exit_field(m, VMCS_EXIT_QUALIFICATION) });
}

void exit_at_entry(struct message *m, struct vmcs12 *v, struct exit_cause cause)
{
    uint64_t changed = 0;
    put(v, VMCS_EXIT_REASON, cause.reason, &changed);
    put(v, VMCS_EXIT_QUALIFICATION, cause.qualification, &changed);
    put(v, VMCS_EXIT_INTR_INFO, 0, &changed);
    put(v, VMCS_IDT_VECTORING_INFO, 0, &changed);
    put_entered(v, &changed);
    if (vmx_cpu_shadowing(m->cpu))
        shadow_update(m, v, changed);
    enter_l1(m, v, nmi_blocked(v, &cause), false);
}

void exit_entry_failure(struct message *m, struct vmcs12 *v, struct exit_cause cause)
{
    uint64_t changed = 0;
    put(v, VMCS_EXIT_REASON, cause.reason | EXIT_REASON_FAILED, &changed);
    put(v, VMCS_EXIT_QUALIFICATION, cause.qualification, &changed);
    if (vmx_cpu_shadowing(m->cpu))
        shadow_update(m, v, changed);
    if (m->req->origin == ORIGIN_L2) {
        // A VMLAUNCH that failed has launched nothing (SDM 3C 27.8 "VM-Entry Failures During or After Loading Guest State"): neither VMCS12 nor VMCS02.
        reply_op(m->rep, OP_VMCS_CLEAR, vmcs12_handle(v), 0, 0, 0);
        vmcs02_of(v)->dirty |= GROUP_EVENT;  // which may still hold an event of L0's
        // Blocking by NMI stays as it was before the entry.
        if (rt_fetch(VMCS_HANDLE_01, GROUP_BLOCKING, 0) != STATUS_OK)
            rt_panic("VMCS01 can't be read");
    }
    // Where its MSR list ends it guest state is loaded by then, the list's MSRs before the bad one, too: EFER and PAT that the exit doesn't load stay L2's.
    enter_l1(m, v, exit_field(m, VMCS_GUEST_INTERRUPTIBILITY) & BLOCKING_BY_NMI, cause.reason == EXIT_ENTRY_MSR_LOAD);
}
