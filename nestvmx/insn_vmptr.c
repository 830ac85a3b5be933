// SPDX-License-Identifier: BSD-2-Clause
// VMCLEAR, VMPTRLD, VMPTRST: which VMCS12 is current.

#include <rt/call.h>
#include <rt/state.h>

#include "cpu.h"
#include "insn.h"
#include "operand.h"
#include "region.h"
#include "result.h"
#include "shadow.h"
#include "vmcs12.h"

// The current VMCS12 goes back to the table.
static void leave_current(struct message *m)
{
    if (m->current == NULL)
        return;
    shadow_absorb(m, m->current);
    vmcs12_leave(m->current, m);
    m->current = NULL;
}

// What VMCLEAR and VMPTRLD begin with: the operand, a VMCS region's address. false: the instruction is over.
static inline __attribute__((always_inline)) bool region_operand(struct message *m, uint64_t *region, enum insn_error bad_address, enum insn_error is_vmxon)
{
    if (!insn_allowed(m) || !operand_read64(m, region))
        return false;
    if (!region_valid(*region))
        vm_fail(m, bad_address);
    else if (*region == m->cpu->vmxon_region)
        vm_fail(m, is_vmxon);
    else
        return true;
    return false;
}

void insn_leave(struct message *m)
{
    leave_current(m);
    shadow_off(m);
    state_set(&m->cpu->current, 0);
}

void insn_vmclear(struct message *m)
{
    uint64_t region = 0;

    if (!region_operand(m, &region, ERROR_VMCLEAR_ADDRESS, ERROR_VMCLEAR_VMXON))
        return;
    if (m->current != NULL && m->current->region == region)
        insn_leave(m);
    if (!vmcs12_clear(m, (gpa1_t){ region })) {
        // The SDM leaves this undefined (3C 25.1 "Overview": active on one processor only); the other CPU must not lose its VMCS12.
        rt_log(LOG_WARN, "VMCLEAR of the VMCS12 %lx, which is current on another CPU", region);
        vm_fail(m, ERROR_VMCLEAR_ADDRESS);
        return;
    }
    vm_succeed(m);
}

// Makes it current; the one before has left.
static void make_current(struct message *m, struct vmcs12 *v)
{
    m->current = v;
    state_set(&m->cpu->current, vmcs12_place(v) + 1);
    shadow_on(m, v);
}

void insn_vmptrld(struct message *m)
{
    struct vmcs12 *v = NULL, *before = m->current;
    uint64_t region = 0;

    if (!region_operand(m, &region, ERROR_VMPTRLD_ADDRESS, ERROR_VMPTRLD_VMXON))
        return;
    if (before != NULL && before->region == region) {
        vm_succeed(m);
        return;
    }
    switch (vmcs12_take(m, (gpa1_t){ region }, &v)) {
    case VMCS12_TAKEN:
        break;
    case VMCS12_REVISION_BAD:
        vm_fail(m, ERROR_VMPTRLD_REVISION);
        return;
    case VMCS12_ELSEWHERE:
        rt_log(LOG_WARN, "VMPTRLD of the VMCS12 %lx, which is current on another CPU", region);
        vm_fail(m, ERROR_VMPTRLD_ADDRESS);
        return;
    case VMCS12_NO_PLACE:
        rt_log(LOG_ERROR, "VMPTRLD: each of the %u VMCS12 copies is current on some CPU", VMCS12_COUNT);
        vm_fail(m, ERROR_VMPTRLD_ADDRESS);
        return;
    }
    leave_current(m);
    make_current(m, v);
    vm_succeed(m);
}

void insn_vmptrst(struct message *m)
{
    if (!insn_allowed(m))
        return;
    const uint64_t region = m->current != NULL ? m->current->region : NO_ADDRESS;
    if (operand_write(m, &region, sizeof(region)))
        vm_succeed(m);
}
