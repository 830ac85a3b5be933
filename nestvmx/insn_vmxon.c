// SPDX-License-Identifier: BSD-2-Clause
// VMXON and VMXOFF: L1 enters and leaves VMX operation. VMCALL in it.

#include <rt/guest.h>
#include <rt/info.h>
#include <rt/reply.h>
#include <rt/state.h>

#include "cpu.h"
#include "inject.h"
#include "insn.h"
#include "l1_state.h"
#include "operand.h"
#include "region.h"
#include "result.h"
#include "shadow.h"
#include "vmcap.h"
#include "vmcs12.h"
#include "x86.h"

// CR0 and CR4 as L1 sees them: bits that L0 keeps come from the read shadow.
static uint64_t seen(const struct message *m, enum vmcs_field real, enum vmcs_field mask, enum vmcs_field shadow)
{
    return (exit_field(m, real) & ~exit_field(m, mask)) | (exit_field(m, shadow) & exit_field(m, mask));
}

void insn_vmxon(struct message *m)
{
    const uint64_t cr0 = seen(m, VMCS_GUEST_CR0, VMCS_CR0_GUEST_HOST_MASK, VMCS_CR0_READ_SHADOW);
    const uint64_t cr4 = seen(m, VMCS_GUEST_CR4, VMCS_CR4_GUEST_HOST_MASK, VMCS_CR4_READ_SHADOW);
    const uint64_t needed = FEATURE_CONTROL_LOCK | FEATURE_CONTROL_VMXON;
    uint64_t region = 0;
    uint32_t revision = 0;

    if (!(cr0 & CR0_PE) || !(cr4 & CR4_VMXE)) {
        inject_ud(m);
        return;
    }
    if (m->cpu->on) {
        if (insn_cpl(m) != 0)
            inject_gp(m);
        else
            vm_fail(m, ERROR_VMXON_IN_ROOT);
        return;
    }
    if (insn_cpl(m) != 0 || !vmcap_cr0_ok(cr0, 0) || !vmcap_cr4_ok(cr4) || (vmx_cpu_feature_control(m->cpu) & needed) != needed) {
        inject_gp(m);
        return;
    }
    if (!operand_read64(m, &region))
        return;
    if (!region_valid(region) || !guest_read32((gpa1_t){ region }, &revision) || revision != VMCS12_REVISION) {
        vm_fail_invalid(m);
        return;
    }
    l1_state_forget();
    state_set(&m->cpu->vmxon_region, region);
    state_set(&m->cpu->on, 1);
    state_set(&m->cpu->current, 0);
    reply_op(m->rep, OP_L1_VMX, 0, 1, 0, 0);
    vm_succeed(m);
}

void insn_vmxoff(struct message *m)
{
    if (!insn_allowed(m))
        return;
    if (m->current != NULL) {
        shadow_absorb(m, m->current);
        vmcs12_leave(m->current, m);
        shadow_off(m);
        state_set(&m->cpu->current, 0);
    }
    state_set(&m->cpu->on, 0);
    reply_op(m->rep, OP_L1_VMX, 0, 0, 0, 0);
    vm_succeed(m);
}

// A call of nobody's. It exits in modes that the other instructions don't exist in. There is no dual-monitor treatment of SMIs to activate.
void insn_vmcall(struct message *m)
{
    if ((exit_field(m, VMCS_GUEST_RFLAGS) & RFLAGS_VM) || ((exit_field(m, VMCS_GUEST_EFER) & EFER_LMA) && !insn_is_64(m)))
        inject_ud(m);
    else if (insn_allowed(m))
        vm_fail(m, ERROR_VMCALL_IN_ROOT);
}
