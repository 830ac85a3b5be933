// SPDX-License-Identifier: BSD-2-Clause
// Exits 20: to L1, or resolved here.

#include <caps/exit_reason.h>
#include <rt/call.h>
#include <rt/reply.h>
#include <rt/state.h>

#include "bitmap.h"
#include "cpu.h"
#include "entry_check.h"
#include "event.h"
#include "exit.h"
#include "inject.h"
#include "link.h"
#include "pml.h"
#include "resolve.h"
#include "ve.h"
#include "vmcap.h"
#include "vmcs12.h"
#include "vmfunc.h"
#include "wanted.h"
#include "x86.h"

static struct vmcs12 *owner(const struct message *m)
{
    if (m->req->vmcs02 >= VMCS12_COUNT)
        rt_panic("an L2 exit of a VMCS02 that isn't ours");
    return vmcs12_at(m->req->vmcs02);
}

// MSRs that L0 intercepts whatever L1 says: ours are answered here. The others the kernel answers, but where L1 wants an L2's #GPs: then so do we, as the kernel would,
// and the #GP of an access that the CPU or L0 refuses is L1's exit. false: the kernel's.
static bool msr_access(struct message *m, const struct vmcs12 *v)
{
    const uint32_t msr = (uint32_t)m->req->gpr[GPR_RCX];
    const bool write = BASE_REASON(m) == EXIT_WRMSR;
    uint64_t value = (m->req->gpr[GPR_RAX] & 0xffffffff) | m->req->gpr[GPR_RDX] << 32;

    if (msr == MSR_FEATURE_CONTROL || (msr >= MSR_VMX_FIRST && msr <= MSR_VMX_LAST)) {
        if (write)
            vmcap_wrmsr(m);
        else
            vmcap_rdmsr(m);
        return true;
    }
    if (!wanted_exception(v, VECTOR_GP, 0))
        return false;
    if (write)
        reply_op(m->rep, OP_MSR_WRITE, 0, msr, value, 0);
    if ((write ? rt_invoke() : rt_read_msr(msr, &value)) != STATUS_OK) {
        inject_gp(m);
        return true;
    }
    if (!write) {
        reply_gpr(m->rep, GPR_RAX, value & 0xffffffff);
        reply_gpr(m->rep, GPR_RDX, value >> 32);
    }
    reply_advance(m->rep);
    return true;
}

// String I/O that wraps around port 0xffff, which exits as long as VMCS02 has I/O bitmaps: no step gets an L2 over it.
static bool endless(const struct message *m)
{
    const uint64_t qualification = exit_field(m, VMCS_EXIT_QUALIFICATION);
    return (qualification & IO_STRING) && bitmap_io_wraps(IO_PORT(qualification), IO_BYTES(qualification));
}

// 202: what L1 didn't ask for.
static void resolve_unwanted(struct message *m, struct vmcs12 *v)
{
    switch (BASE_REASON(m)) {
    case EXIT_EXCEPTION_OR_NMI:
        if (event_is_nmi(exit_field(m, VMCS_EXIT_INTR_INFO)))
            event_nmi_to_l2(m, v);
        else
            event_reflect(m);
        return;
    case EXIT_NMI_WINDOW:
        if (event_nmi_window(m, v))
            return;
        break;
    case EXIT_RDMSR:
    case EXIT_WRMSR:
        if (msr_access(m, v))
            return;
        break;
    case EXIT_IO:
        if (endless(m)) {
            inject_gp(m);
            return;
        }
        break;
    case EXIT_VMREAD:
    case EXIT_VMWRITE:
        link_access(m, v);
        return;
    case EXIT_VMFUNC:
        vmfunc_execute(m, v);
        return;
    default:
        break;
    }
    // L0's own: the kernel handles it as it does for L1.
    reply_forward(m->rep, 0, 0, 0, 0);
}

// Where that was to do an instruction there may be an exit behind it, which no CPU knows of (SDM 3C 26.5.2 "Monitor Trap Flag").
static void resolve(struct message *m, struct vmcs12 *v)
{
    resolve_unwanted(m, v);
    if (!(m->rep->set & SET_ADVANCE) || !vmcs12_proc(v, PROC_MONITOR_TRAP_FLAG))
        return;
    reply_event(m->rep, vmcs12_handle(v), EVENT_TYPE_MTF, 0, 0);
    if (rt_invoke() != STATUS_OK)  // at once: RIP goes with a reply that has no operations
        rt_panic("a VMCS02 can't be told of an exit");
}

static void refused(struct message *m, struct vmcs12 *v)
{
    vmcs12_pull(v, m, v->lazy);
    if (BASE_REASON(m) == EXIT_ENTRY_GUEST_STATE) {
        uint64_t qualification = 0;
        const char *name = entry_check_state(v, &qualification);
        rt_log(LOG_DEBUG, "VM entry on VMCS12 %lx fails: %s", v->region, name != NULL ? name : "one that has no name here");
    }
    exit_entry_failure(m, v, (struct exit_cause){ BASE_REASON(m), exit_field(m, VMCS_EXIT_QUALIFICATION) });
}

// An exception that another partition ends L2's instruction in: interruption information, error code, address.
static void raise(struct message *m)
{
    const uint64_t *arg = m->req->arg;

    if ((arg[0] & 0xff) == VECTOR_PF)
        inject_pf(m, arg[2], (uint32_t)arg[1]);
    else
        inject_gp(m);
}

// What EPT12 makes of an access, where VMCS12 has it another end than that exit.
static __attribute__((noinline)) bool not_an_exit(struct message *m, struct vmcs12 *v)
{
    const uint64_t cause = m->req->arg[0], qualification = m->req->arg[1], linear = m->req->arg[2];
    const gpa2_t address = { m->req->arg[3] };

    if (cause == EXIT_PML_FULL) {
        pml_access(m, v, address, qualification);
        return true;
    }
    return cause == EXIT_EPT_VIOLATION && vmcs12_proc2(v, PROC2_ENABLE_EPT) && vmcs12_proc2(v, PROC2_EPT_VIOLATION_VE) &&
           ve_convert(m, v, address, linear, qualification);
}

void resolve_exit(struct message *m)
{
    struct vmcs12 *v = owner(m);

    if (m->req->reason & EXIT_REASON_FAILED)
        refused(m, v);
    else if ((m->req->flags & REQUEST_FORWARDED) && (m->req->arg[0] & EVENT_VALID))
        raise(m);
    else if ((m->req->flags & REQUEST_FORWARDED) && m->req->arg[0] != 0) {
        // What `ept` found, which may be another reason than the CPU's; the addresses are those of the message. Not every route has all groups.
        message_need(m, EXIT_GROUPS);
        if (__builtin_expect(!(vmcs12_get(v, VMCS_PROC_CONTROLS2) & (PROC2_ENABLE_PML | PROC2_EPT_VIOLATION_VE)), 1) || !not_an_exit(m, v))
            exit_deliver_cause(m, v, (struct exit_cause){ (uint32_t)m->req->arg[0], m->req->arg[1] });
    } else if (wanted(m, v))
        exit_deliver(m, v);
    else
        resolve(m, v);
}

// What isn't L2's to lose: the CPU has taken the interrupt or the NMI, and nobody else will give it to L1.
static bool is_l1s_event(const struct message *m, const struct vmcs12 *v)
{
    return BASE_REASON(m) == EXIT_EXTERNAL_INTERRUPT ||
           (BASE_REASON(m) == EXIT_EXCEPTION_OR_NMI && event_is_nmi(exit_field(m, VMCS_EXIT_INTR_INFO)) && vmcs12_pin(v, PIN_NMI_EXITING));
}

void resolve_kill(struct message *m)
{
    struct vmcs12 *v = owner(m);
    const uint64_t groups = EXIT_GROUPS | GROUP_EXIT_EVENT | GROUP_VECTORING;

    message_need(m, groups);
    ve_forget(v);
    rt_log(LOG_ERROR, "the L2 of VMCS12 %lx ends as a triple fault", v->region);
    if (is_l1s_event(m, v)) {
        state_set(&v->doomed, 1);
        exit_deliver(m, v);
        return;
    }
    exit_deliver_cause(m, v, (struct exit_cause){ EXIT_TRIPLE_FAULT, 0 });
}
