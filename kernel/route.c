// SPDX-License-Identifier: BSD-2-Clause
// The route table, and what becomes of an exit.

#include "route.h"

#include <stddef.h>

#include <caps/cap.h>

#include "boot_info.h"
#include "ept01.h"
#include "ept02.h"
#include "exit.h"
#include "handover.h"
#include "inject.h"
#include "io.h"
#include "ipc.h"
#include "lapic.h"
#include "log.h"
#include "partition.h"
#include "vector_insn.h"
#include "vmcs.h"
#include "vmcs02.h"

struct route {
    const struct route *next;  // by priority
    struct partition *partition;
    uint8_t number;            // of the partition in events
    uint8_t kind;              // cap's
    const struct route_cap *cap;
    struct message message;    // what its exits become
};

static struct route routes[BOOT_PARTITIONS * CAP_ROUTES];
static const struct route *table[ORIGIN_COUNT][EXIT_REASON_COUNT];
static const struct route *observers[ORIGIN_COUNT];

// Where an exit comes from an instruction or the delivery of an event that has to be completed.
static const uint8_t fault_like[EXIT_REASON_COUNT] = {
#define EXIT(name, number, fault) [number] = fault,
#include <caps/exit_reason.def>
#undef EXIT
};

// What is unlinked stays as it is: a CPU that has read the table before may be looking at it.
void route_link(struct partition *partition, bool on)
{
    for (unsigned i = 0; i < partition->header.route_count; i++) {
        const struct route_cap *cap = &partition->header.routes[i];
        if (cap->kind == ROUTE_NONE)
            continue;
        struct route *route = &routes[partition->index * CAP_ROUTES + i];
        const struct route **place = cap->kind == ROUTE_OBSERVE ? &observers[cap->origin] : &table[cap->origin][cap->reason];
        if (route->cap == NULL)
            *route = (struct route){ NULL, partition, (uint8_t)(partition->index + 1), cap->kind, cap, { .kind = MSG_EXIT, .origin = cap->origin, .groups = cap->groups,
                .groups_shadow = cap->groups_shadow, .flags = cap->kind == ROUTE_OBSERVE ? REQUEST_OBSERVED : 0, .list = group_list(cap->groups & ~GROUP_GPR, true),
                .list_shadow = group_list(cap->groups_shadow, false) } };
        while (*place != NULL && *place != route && (!on || (*place)->cap->priority <= cap->priority))
            place = (const struct route **)(uintptr_t)&(*place)->next;
        if (on)
            route->next = *place;
        __atomic_store_n(place, on ? route : route->next, __ATOMIC_RELEASE);
    }
}

bool route_has(enum msg_origin origin, enum exit_reason reason) { return table[origin][reason] != NULL; }
bool route_observed(enum msg_origin origin) { return observers[origin] != NULL; }

// Of the page that a violation is about: EPT_OWNER, EPT_VANISHING.
static uint64_t page_taken(struct cpu *cpu)
{
    vmcs_select(cpu, cpu->level == ORIGIN_L1 ? cpu->vmcs01 : cpu->vmcs02->region);
    uint64_t page = vmcs_read(VMCS_GUEST_PHYSICAL_ADDR) & PAGE_MASK;
    bool by_ept01 = cpu->level == ORIGIN_L1 || cpu->vmcs02->tag == 0;
    return by_ept01 ? (uint64_t)ept01_owner((gpa1_t){ page }) << EPT_OWNER_SHIFT : ept02_taken(vmcs02_root(cpu->vmcs02), (gpa2_t){ page }, TAKEN_LOOK);
}

// ROUTE_RANGE: the register that the exit's instruction is about, or its ports.
static inline bool key_matches(const struct cpu *cpu, const struct route_cap *cap)
{
    uint64_t key = cpu->gpr[GPR_RAX];
    if (__builtin_expect(cap->reason != EXIT_VMCALL, 0)) {
        if (cap->reason == EXIT_IO)
            return io_claimed(cpu, cap);
        key = (uint32_t)(cap->reason == EXIT_CPUID ? key : cpu->gpr[GPR_RCX]);
    }
    return key >= cap->first && key <= cap->last;
}

// Below a PAL is who called it.
static void leave_l2(struct cpu *cpu)
{
    cpu->vmcs02 = cpu->level == ORIGIN_PAL ? cpu->below : NULL;
    cpu->level = cpu->vmcs02 != NULL ? ORIGIN_L2 : ORIGIN_L1;
    cpu->below = NULL;
}

static inline bool matches(struct cpu *cpu, const struct route *route)
{
    if (__builtin_expect(route->kind == ROUTE_EXIT, 1))
        return true;
    if (__builtin_expect(route->kind == ROUTE_IN_VMX, 1))
        return cpu->l1_vmx;
    return route->kind == ROUTE_TAKEN ? (page_taken(cpu) & EPT_OWNER) >> EPT_OWNER_SHIFT == route->partition->index + 1 : key_matches(cpu, route->cap);
}

void route_abandon_l2(struct cpu *cpu, const char *why)
{
    static uint32_t logged;
    if (logged++ < 16)
        log_line(LOG_ERROR, "L2 or PAL abandoned reason=%u: %s", cpu->reason & EXIT_REASON_BASIC, why);
    bool pal = cpu->level == ORIGIN_PAL;
    leave_l2(cpu);
    vmcs_select(cpu, cpu->level == ORIGIN_L1 ? cpu->vmcs01 : cpu->vmcs02->region);
    if (pal) {  // of its registers nothing is anybody's
        memory_fill(cpu->gpr, 0, sizeof(cpu->gpr));
        insn_vectors_reset(vmx_caps->host_cr0);
        inject_gp(cpu, 0);
        return;
    }
    cpu->rip = vmcs_read(VMCS_GUEST_RIP);
    vmcs_write(VMCS_GUEST_RFLAGS, (vmcs_read(VMCS_GUEST_RFLAGS) & ~(uint64_t)RFLAGS_STATUS) | 1);  // VMfailInvalid
    advance_rip(cpu);
}

static bool enter_l2(struct cpu *cpu, struct vmcs02 *vmcs02)
{
    if (!vmcs02->reset || vmcs02_take(vmcs02, cpu) != STATUS_OK) {
        route_abandon_l2(cpu, "its VMCS02 is not to be entered here");
        return false;
    }
    if (vmcs02->pal && cpu->level == ORIGIN_L2)
        cpu->below = cpu->vmcs02;
    cpu->vmcs02 = vmcs02;
    cpu->level = vmcs02->pal ? ORIGIN_PAL : ORIGIN_L2;
    return true;
}

// The L2 goes on where it was: what the exit interrupted has to be completed.
static void resume_l2(struct cpu *cpu, const struct answer *answer)
{
    bool entered = enter_l2(cpu, cpu->vmcs02);
    unsigned reason = cpu->reason & EXIT_REASON_BASIC;
    if (!entered || answer->wrote_event || cpu->event_exit || reason >= EXIT_REASON_COUNT || !fault_like[reason])
        return;
    vmcs_select(cpu, cpu->vmcs02->region);
    event_reinject(cpu);
}

// The exit's owner pays: nobody answers it.
static void owner_pays(struct cpu *cpu, const char *why)
{
    if (cpu->level != ORIGIN_L1) {
        route_abandon_l2(cpu, why);
    } else {
        vmcs_select(cpu, cpu->vmcs01);
        inject_ud(cpu);
    }
}

void route_answer(struct cpu *cpu, struct partition *partition, const struct answer *answer)
{
    switch ((enum verdict)answer->verdict) {
    case VERDICT_RESUME:
        if (cpu->level != ORIGIN_L1)
            resume_l2(cpu, answer);
        break;
    case VERDICT_L1: leave_l2(cpu); break;
    case VERDICT_L2: (void)enter_l2(cpu, vmcs02_at(partition->vmcs02_first + answer->vmcs02)); break;
    default: owner_pays(cpu, "its partition failed"); break;
    }
}

// The VMCS02 of the exit, which its partition may have given up with its answer: it is taken again before it is used.
static bool held(struct cpu *cpu) { return cpu->level == ORIGIN_L1 || vmcs02_take(cpu->vmcs02, cpu) == STATUS_OK; }

// How a message has ended of which not only the first attempt counts. true: it was answered. Where an L2 is killed because of an interrupt that was accepted with the
// exit that is given back: it is L1's, which would wait for it for ever. Of a PAL's exit none is accepted.
static __attribute__((noinline)) bool answered(struct cpu *cpu, enum status status, const struct answer *answer)
{
    const bool failed = status != STATUS_OK || answer->killed;
    if (failed && cpu->level == ORIGIN_L2 && (cpu->reason & EXIT_REASON_BASIC) == EXIT_EXTERNAL_INTERRUPT && held(cpu)) {
        vmcs_select(cpu, cpu->vmcs02->region);
        uint64_t information = vmcs_read(VMCS_EXIT_INTR_INFO);
        if (information & EVENT_VALID)
            lapic_requeue((uint8_t)information);
    }
    return status == STATUS_OK;
}

// taken: only where the exit is about a page that was taken.
static inline bool wants(struct cpu *cpu, const struct route *route, bool taken) { return (!taken || route->kind == ROUTE_TAKEN) && matches(cpu, route); }

// The write of an L2 to a page that was taken, which its EPT12 allows, is done by the kernel where the page's owner doesn't see to it.
static bool vanishes(struct cpu *cpu, const struct route *route)
{
    return route->kind == ROUTE_TAKEN && (cpu->event->qualification & 2) && held(cpu) && (page_taken(cpu) & EPT_VANISHING);
}

// Whether others are asked where its partition can't answer: it was dormant, which it may not be any more, or is parked, which it stays. What it has claimed of
// L2s is then as if nobody had: it is their hypervisor that knows what to answer.
static bool passes(const struct route *route)
{
    return route->kind == ROUTE_IN_VMX || (route->kind == ROUTE_RANGE && route->cap->origin == ORIGIN_L2) || route->partition->record->state != PARTITION_PARKED;
}

// No partition wants the exit.
static __attribute__((noinline)) void unclaimed(struct cpu *cpu)
{
    kernel_handler_t *handler = kernel_handler[cpu->level][cpu->reason & EXIT_REASON_BASIC];
    if (handler == NULL || !held(cpu)) {
        owner_pays(cpu, "nobody handles this exit");
        return;
    }
    vmcs_select(cpu, cpu->level != ORIGIN_L1 ? cpu->vmcs02->region : cpu->vmcs01);
    handler(cpu);
}

// It is for the partitions behind the first: that one has said so, with arg, or has failed.
static __attribute__((noinline)) void forward(struct cpu *cpu, const struct route *route, bool taken, const uint64_t *arg)
{
    struct answer answer;
    for (; route != NULL && held(cpu); route = route->next) {
        if (!wants(cpu, route, taken))
            continue;
        struct message message = route->message;
        message.flags = arg != NULL ? REQUEST_FORWARDED : 0;
        message.arg = arg;
        vmcs_select(cpu, cpu->level == ORIGIN_L1 ? cpu->vmcs01 : cpu->vmcs02->region);
        cpu->rip = vmcs_get(cpu, VMCS_GUEST_RIP);  // who had the message before may have written it
        answer.killed = false;
        if (!answered(cpu, ipc_send(cpu, route->partition, &message, &answer), &answer)) {
            if (passes(route))
                continue;
            owner_pays(cpu, "its partition failed");
            return;
        }
        if (answer.verdict != VERDICT_FORWARD) {
            route_answer(cpu, route->partition, &answer);
            return;
        }
        arg = answer.arg;  // written again only with the next reply, which needs them no more
    }
    unclaimed(cpu);
}

// Hands the exit to the partitions, else to the kernel's handler. origin: cpu->level. true: who exited goes on, for one thing, and ticks are those since the exit.
static inline __attribute__((always_inline)) bool route_message(struct cpu *cpu, const struct route *route, enum msg_origin origin, bool taken, uint64_t *ticks)
{
    while (__builtin_expect(route != NULL && !wants(cpu, route, taken), 0))
        route = route->next;
    if (route == NULL) {
        unclaimed(cpu);
        return false;
    }
    struct answer answer;
    struct partition *partition = route->partition;
    struct partition_cpu *slot = partition->slot[cpu->index];
    struct event *event = cpu->event;  // the exit's tells of its first message, too
    event->outcome = route->number;
    enum status status = STATUS_BUSY;
    bool done = false;
    if (partition_enter(partition, slot)) {
        const struct message known = { .kind = MSG_EXIT, .origin = (uint8_t)origin };
        status = hand_over(cpu, partition, slot, &route->message, &known, false, 0, NULL, event, &answer, &done, ticks);
        partition_leave(slot);
        if (__builtin_expect(done, 1))
            return true;
    }
    if (__builtin_expect(status != STATUS_OK, 0)) {
        event->status = status & 15;
        if (!answered(cpu, ipc_send_again(cpu, partition, &route->message, status, &answer), &answer)) {
            event->status = STATUS_FAULTED;
            if (passes(route) || (route->kind == ROUTE_TAKEN && (origin == ORIGIN_L1 || !(event->qualification & 4))))  // it sees ones, as ever
                forward(cpu, route->next, taken || vanishes(cpu, route), NULL);
            else
                owner_pays(cpu, "its partition failed");
            return false;
        }
    }
    if (answer.verdict == VERDICT_FORWARD)
        forward(cpu, route->next, (taken && answer.arg[0] == 0) || vanishes(cpu, route), answer.arg);
    else if (answer.verdict != VERDICT_RESUME || (origin != ORIGIN_L1 && !(answer.set & SET_ADVANCE)))
        route_answer(cpu, partition, &answer);
    return false;
}

// One that is parked misses what happens, and nothing else changes.
static void show_observers(struct cpu *cpu, const struct route *route)
{
    struct answer ignored;
    for (; route != NULL; route = route->next)
        if (ipc_send(cpu, route->partition, &route->message, &ignored) != STATUS_OK)
            continue;
}

// A VMCS02 that runs on EPT01 has the kernel's violations, but for taken pages.
static bool kernel_first(const struct cpu *cpu, unsigned reason)
{
    return (reason == EXIT_EPT_VIOLATION || reason == EXIT_EPT_MISCONFIG) && cpu->level == ORIGIN_L2 && cpu->vmcs02->tag == 0;
}

void route_exit(struct cpu *cpu)
{
    unsigned reason = cpu->reason & EXIT_REASON_BASIC;
    if (cpu->level == ORIGIN_PAL && reason == EXIT_INIT)
        cpu->init_pending = true;  // L1's, once the partition has left the PAL
    if (observers[cpu->level] != NULL)
        show_observers(cpu, observers[cpu->level]);
    (void)route_message(cpu, table[cpu->level][reason], cpu->level, kernel_first(cpu, reason), &(uint64_t){ 0 });
}

bool route_l1(struct cpu *cpu, uint64_t *ticks) { return route_message(cpu, table[ORIGIN_L1][cpu->reason & EXIT_REASON_BASIC], ORIGIN_L1, false, ticks); }
