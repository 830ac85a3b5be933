// SPDX-License-Identifier: BSD-2-Clause
// VM exit and VM entry.
#include "exit.h"

#include "cr.h"
#include "event.h"
#include "init_sipi.h"
#include "inject.h"
#include "ipc.h"
#include "msr.h"
#include "panic.h"
#include "power.h"
#include "route.h"
#include "shootdown.h"
#include "vmcs.h"
#include "vmcs02.h"

#define ERROR_RESUME_NOT_LAUNCHED 5u  // SDM 3C 31.4 "VM Instruction Error Numbers"
#define EXIT_INTR_NMI (EVENT_VALID | EVENT_TYPE_NMI << 8 | VECTOR_NMI)

// entry.S
__attribute__((noreturn)) void guest_launch(struct cpu *cpu);
__attribute__((noreturn)) void guest_resume(struct cpu *cpu);
__attribute__((noreturn)) void guest_resume_quiet(struct cpu *cpu);
__attribute__((noreturn)) void enter_failed(struct cpu *cpu);
void nmi_unblock(void);

// Where each exit goes: L1's that no partition claims straight to their handler.
static kernel_handler_t *first_handler[ORIGIN_COUNT * EXIT_REASON_COUNT];
static inline unsigned exit_index(unsigned level, unsigned reason) { return level * EXIT_REASON_COUNT + reason; }

// The exit was caused by an NMI. true: nothing more to do for it.
static bool exit_nmi(struct cpu *cpu)
{
    if ((vmcs_read(VMCS_EXIT_INTR_INFO) & (EVENT_VALID | EVENT_TYPE | 0xff)) != EXIT_INTR_NMI)
        return false;
    nmi_unblock();
    if (!shootdown_nmi(cpu)) {
        if (cpu->level == ORIGIN_L2)
            return false;  // the message to nestvmx delivers it
        cpu->nmi_pending = true;
        if (cpu->level == ORIGIN_PAL)
            return false;  // its partition leaves the PAL: L1 gets it then
    }
    event_reinject(cpu);
    return true;
}

// An exit in an L2's name, by which it gets the NMI that arrived in root mode, or the INIT that came while its hypervisor ran (SDM 3C 24.8
// "Restrictions on VMX Operation": blocked in root operation, not lost).
static void exit_as_event(struct cpu *cpu)
{
    bool init = cpu->init_pending;
    *(init ? &cpu->init_pending : &cpu->nmi_pending) = cpu->level == ORIGIN_PAL;
    cpu->event_exit = true;
    cpu->reason = init ? EXIT_INIT : EXIT_EXCEPTION_OR_NMI;
    if (vmx_caps->write_any_field) {
        vmcs_write(VMCS_EXIT_REASON, cpu->reason);
        vmcs_write(VMCS_EXIT_INTR_INFO, EVENT_EXIT_INTR_INFO(cpu->reason));
        vmcs_write(VMCS_EXIT_QUALIFICATION, 0);
        vmcs_write(VMCS_IDT_VECTORING_INFO, 0);
    }
    route_exit(cpu);
    cpu->event_exit = false;
}

// The guest was stepped. true: nothing more to do for this exit.
static bool exit_step(struct cpu *cpu)
{
    bool stepped = cpu->reason == EXIT_MONITOR_TRAP, for_event = cpu->step.event, also_l1 = cpu->step.trap_was_on;
    step_end(cpu, stepped);
    if (!stepped || also_l1)
        return false;
    if (for_event && (cpu->nmi_pending || cpu->init_pending))
        exit_as_event(cpu);
    return true;
}

// It may use translations again.
static void hear(struct cpu *cpu)
{
    if (!cpu->deaf)
        return;
    __atomic_store_n(&cpu->deaf, false, __ATOMIC_SEQ_CST);
    shootdown_serve(cpu);
}

// An exit where something is out of the ordinary.
static __attribute__((noinline)) void exit_attend(struct cpu *cpu)
{
    hear(cpu);
    if (cpu->started && cpu->reason != EXIT_INIT)
        cpu->started = false;
    if (cpu->stepping && exit_step(cpu))
        return;
    if (cpu->reason != EXIT_EXCEPTION_OR_NMI)
        first_handler[exit_index(cpu->level, cpu->reason & EXIT_REASON_BASIC)](cpu);
    else if (!exit_nmi(cpu))
        route_exit(cpu);
}

// An L2's or PAL's: the event has the page as well.
static void exit_ept_violation(struct cpu *cpu)
{
    uint64_t page = vmcs_read(VMCS_GUEST_PHYSICAL_ADDR) & PAGE_MASK;
    cpu->event->qualification = page | (cpu->event->qualification & ~PAGE_MASK);
    route_exit(cpu);
}

// By the rules for virtual NMIs (SDM 3C 25.3 "Changes to Instruction Behavior", 27.3.1.5 "Checks on Guest Non-Register State").
static void give_l1_nmi(struct cpu *cpu)
{
    uint64_t blocking = vmcs_read(VMCS_GUEST_INTERRUPTIBILITY);
    if (cpu->wait_for_sipi)
        return;
    bool now = !(blocking & (BLOCKING_STI | BLOCKING_MOV_SS | BLOCKING_NMI)) && !(vmcs_read(VMCS_ENTRY_INTR_INFO) & EVENT_VALID);
    if (now) {
        vmcs_write(VMCS_ENTRY_INTR_INFO, EXIT_INTR_NMI);
        cpu->nmi_pending = false;
    }
    vmcs_control(cpu, VMCS_PROC_CONTROLS, PROC_NMI_WINDOW_EXITING, !now);
}

static __attribute__((noinline)) void enter_attend(struct cpu *cpu)
{
    if (cpu->nmi_arrived) {
        cpu->nmi_arrived = false;
        cpu->nmi_pending = true;
    }
    if (cpu->level != ORIGIN_L1) {
        if ((cpu->nmi_pending || cpu->init_pending) && !cpu->deaf) {
            cpu->step.event = true;
            step_begin(cpu);
        }
    } else {
        if (cpu->init_pending && !cpu->l1_vmx)
            init_deliver(cpu);
        if (cpu->nmi_pending)
            give_l1_nmi(cpu);
        if (cpu->wait_for_sipi)
            __atomic_store_n(&cpu->deaf, true, __ATOMIC_SEQ_CST);
    }
    if (cpu->cr2_stale)
        cr2_write(cpu->gpr[GPR_CR2]);
    cpu->cr2_stale = false;
}

// The exit ends here, with the entry of that level. known: who has just looked at the clock says how long it took.
static inline __attribute__((always_inline)) void count(const struct cpu *cpu, enum msg_origin level, bool known, uint64_t ticks)
{
    struct event *event = cpu->event;
    ticks = known ? ticks : tsc_since(event->tsc);
    struct exit_stat *stat = cpu->stat;
    stat->count++;
    stat->instr += ticks;
    stat->vmreads += cpu->vmreads;
    stat->vmwrites += cpu->vmwrites;
    event->end = EVENT_END(level, ticks);
}

static __attribute__((noinline, noreturn)) void enter(struct cpu *cpu, bool exited)
{
    bool *launched = &cpu->vmcs01_launched;
    if (cpu->level == ORIGIN_L1) {
        vmcs_select(cpu, cpu->vmcs01);
    } else {
        vmcs02_prepare(cpu->vmcs02, cpu);
        launched = &cpu->vmcs02->launched;
    }
    if (cpu->attention != 0)
        enter_attend(cpu);
    if (exited)
        count(cpu, cpu->level, false, 0);
    if (*launched)
        guest_resume(cpu);
    *launched = true;
    guest_launch(cpu);
}

// Mostly the L2 that has exited.
static __attribute__((noinline, noreturn)) void enter_selected(struct cpu *cpu)
{
    if (cpu->level != ORIGIN_L1 && vmcs02_ready(cpu->vmcs02, cpu)) {
        count(cpu, cpu->level, false, 0);
        guest_resume_quiet(cpu);
    }
    enter(cpu, true);
}

// l1: that's who runs, and ticks are known.
static inline __attribute__((always_inline, noreturn)) void leave(struct cpu *cpu, bool l1, uint64_t ticks)
{
    if ((l1 || cpu->level == ORIGIN_L1) && cpu->vmcs_current.v == cpu->vmcs01.v) {
        count(cpu, ORIGIN_L1, l1, ticks);
        guest_resume_quiet(cpu);
    }
    enter_selected(cpu);
}

// What most messages are of: without a way back that would have to be kept.
static __attribute__((noreturn)) void exit_l1(struct cpu *cpu)
{
    uint64_t ticks = 0;
    const bool l1 = route_l1(cpu, &ticks);
    leave(cpu, l1, ticks);
}

static kernel_handler_t *handler_of(unsigned level, unsigned reason)
{
    if (reason == EXIT_EXCEPTION_OR_NMI)
        return exit_attend;
    if (level != ORIGIN_L1)
        return reason == EXIT_EPT_VIOLATION ? exit_ept_violation : route_exit;
    kernel_handler_t *own = route_has(ORIGIN_L1, (enum exit_reason)reason) ? NULL : kernel_handler[ORIGIN_L1][reason];
    return route_observed(ORIGIN_L1) ? route_exit : own != NULL ? own : exit_l1;
}

void exit_routes(void)
{
    for (unsigned i = 0; i < ORIGIN_COUNT * EXIT_REASON_COUNT; i++)
        __atomic_store_n(&first_handler[i], handler_of(i / EXIT_REASON_COUNT, i % EXIT_REASON_COUNT), __ATOMIC_RELAXED);
}

// Without a call before or after the handler's, nothing has to be kept for it: no register is saved.
void exit_enter(struct cpu *cpu)
{
    uint64_t tsc = tsc_read();
    uint32_t level = cpu->level;
    struct event *event = &cpu->records.events.slot[cpu->records.events.next % EVENT_SLOTS];
    event = insn_vmread_into(vmcs_field_info[VMCS_EXIT_QUALIFICATION].encoding, event, offsetof(struct event, qualification));
    cpu->event = event;
    event->tsc = tsc;
    event->rip = cpu->rip = insn_vmread(vmcs_field_info[VMCS_GUEST_RIP].encoding);
    uint32_t reason = (uint32_t)insn_vmread(vmcs_field_info[VMCS_EXIT_REASON].encoding), basic = reason & EXIT_REASON_BASIC;
    cpu->reason = reason;
    event->head = EVENT_HEAD(EVENT_EXIT, level, basic);
    __atomic_store_n(&cpu->records.events.next, cpu->records.events.next + 1, __ATOMIC_RELEASE);  // whole, for who reads it meanwhile
    cpu->accesses = 3;  // VMREADs
    if (basic >= EXIT_REASON_COUNT)
        panic("exit reason 0x%x at rip=0x%lx", (uint32_t)vmcs_read(VMCS_EXIT_REASON), level == ORIGIN_PAL ? 0 : cpu->rip);
    unsigned index = exit_index(level, basic);
    cpu->stat = (struct exit_stat *)cpu->records.stats.exit + index;
    if (__builtin_expect(cpu->attention == 0, 1))
        first_handler[index](cpu);
    else
        exit_attend(cpu);
    leave(cpu_self(), false, 0);
}

void enter_guest(struct cpu *cpu) { enter(cpu, false); }

void enter_failed(struct cpu *cpu)
{
    uint32_t error = (uint32_t)vmcs_read(VMCS_INSTRUCTION_ERROR);
    if (error == ERROR_RESUME_NOT_LAUNCHED) {
        // An NMI came between enter()'s note of the launch and the launch itself.
        *(cpu->level == ORIGIN_L1 ? &cpu->vmcs01_launched : &cpu->vmcs02->launched) = false;
        enter_guest(cpu);
    }
    if (cpu->level == ORIGIN_L1)
        power_l1_lost(cpu, "VM-instruction error", error);
    hear(cpu);
    if (cpu->stepping)
        step_end(cpu, false);
    ipc_entry_failed(cpu, error);
    enter_guest(cpu);
}
