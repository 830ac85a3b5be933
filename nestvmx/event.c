// SPDX-License-Identifier: BSD-2-Clause
// NMIs for an L2 whose L1 doesn't take NMI exits (SDM 3C 25.6.1 "Pin-Based VM-Execution Controls", table "Definitions").

#include <rt/reply.h>
#include <rt/state.h>

#include "cpu.h"
#include "event.h"
#include "merge.h"
#include "vmcs02.h"

#define BLOCKING (1u | 2u | 8u)  // by STI, with which a CPU may refuse an NMI to inject (SDM 3C 27.3.1.5); by MOV SS; by NMI
#define NMI      (VECTOR_NMI | EVENT_TYPE_NMI)

bool event_is_nmi(uint64_t event) { return (event & (EVENT_VALID | 0x7ff)) == (EVENT_VALID | NMI); }

static void wait_for_window(struct message *m, const struct vmcs12 *v, bool wait)
{
    const struct l1_registers none = { 0 };
    state_set(&m->cpu->nmi_pending, wait);
    reply_write(m->rep, vmcs12_handle(v), VMCS_PROC_CONTROLS, merge_value(m, v, &none, VMCS_PROC_CONTROLS));
}

void event_nmi_to_l2(struct message *m, struct vmcs12 *v)
{
    if (vmcs12_pin(v, PIN_NMI_EXITING)) {  // which L2 keeps away by blocking NMIs: that ends in L1
        state_set(&m->cpu->nmi_pending, 1);
        return;
    }
    // While another event is being delivered the kernel injects that one again.
    const bool busy = exit_field(m, VMCS_IDT_VECTORING_INFO) & EVENT_VALID;
    if (busy || (exit_field(m, VMCS_GUEST_INTERRUPTIBILITY) & BLOCKING))
        wait_for_window(m, v, true);
    else
        reply_event(m->rep, vmcs12_handle(v), NMI, 0, 0);
}

bool event_nmi_window(struct message *m, struct vmcs12 *v)
{
    if (!m->cpu->nmi_pending)
        return false;
    wait_for_window(m, v, false);
    reply_event(m->rep, vmcs12_handle(v), NMI, 0, 0);
    return true;
}

bool event_blocks_really(const struct vmcs12 *v) { return vmcs12_pin(v, PIN_NMI_EXITING) && !vmcs12_pin(v, PIN_VIRTUAL_NMIS); }

void event_pending_to_l1(struct message *m)
{
    if (!m->cpu->nmi_pending)
        return;
    state_set(&m->cpu->nmi_pending, 0);
    reply_op(m->rep, OP_L1_NMI, 0, 1, 0, 0);
    // VMCS02 no longer waits for its window.
    if (m->current != NULL)
        vmcs02_of(m->current)->dirty |= GROUP_CONTROLS;
}

void event_reflect(struct message *m)
{
    const uint32_t event = (uint32_t)exit_field(m, VMCS_EXIT_INTR_INFO), handle = request_handle(m->req);
    reply_event(m->rep, handle, event & 0xfff, (uint32_t)exit_field(m, VMCS_EXIT_INTR_ERROR),
                (uint32_t)exit_field(m, VMCS_EXIT_INSTRUCTION_LENGTH));
}
