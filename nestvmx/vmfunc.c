// SPDX-License-Identifier: BSD-2-Clause
// VM functions.

#include <rt/call.h>
#include <rt/guest.h>
#include <rt/reply.h>

#include "entry_check.h"
#include "exit.h"
#include "vmcap.h"
#include "vmcs02.h"
#include "vmfunc.h"

#define LIST_ENTRIES 512u

// The entry of L1's EPTP list that L2 wants, read once. false: no entry, or none that VM entry would take (SDM 3C 26.5.6.3 "EPTP Switching").
static bool listed(const struct vmcs12 *v, uint64_t index, uint64_t *eptp)
{
    return index < LIST_ENTRIES && guest_read64((gpa1_t){ vmcs12_get(v, VMCS_EPTP_LIST_ADDR) + index * sizeof(*eptp) }, eptp) && eptp_valid(*eptp);
}

void vmfunc_execute(struct message *m, struct vmcs12 *v)
{
    const uint32_t function = (uint32_t)m->req->gpr[GPR_RAX];
    const uint64_t index = m->req->gpr[GPR_RCX] & 0xffffffff;
    uint64_t eptp = 0;

    if (function != 0 || !(vmcs12_get(v, VMCS_VM_FUNCTION_CONTROL) & VMFUNC_EPTP_SWITCHING) || !listed(v, index, &eptp)) {
        exit_deliver(m, v);
        return;
    }
    vmcs12_put(v, VMCS_EPTP, eptp);
    if (vmcap_allowed1(WORD_PROC2) & PROC2_EPT_VIOLATION_VE)
        vmcs12_put(v, VMCS_EPTP_INDEX, index);
    const uint64_t tag = vmcs02_of(v)->tag = vmcs02_tag(v);
    reply_op(m->rep, OP_VMCS_EPT, m->handle, 0, tag, 0);
    if (rt_invoke() != STATUS_OK)  // at once: RIP goes with a reply that has no operations
        rt_panic("a VMCS02 can't have another EPT02 tree");
    reply_advance(m->rep);
}
