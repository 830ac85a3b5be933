// SPDX-License-Identifier: BSD-2-Clause
// Entering L2.

#include "l2.h"
#include "test.h"
#include "trap.h"
#include "vmx.h"

L2(l2_only_vmcall, "");

void l2_start(const char *code) { W(GUEST_RIP, address(code)); }

void l2_user(void)
{
    // ES to GS lie one after the other in each class of fields.
    for (unsigned i = 0; i < 6; i++) {
        const bool code = i == VMCS_GUEST_CS_SELECTOR - VMCS_GUEST_ES_SELECTOR;
        vmcs_write((enum vmcs_field)(VMCS_GUEST_ES_SELECTOR + i), code ? SELECTOR_USER_CODE : SELECTOR_USER_DATA);
        vmcs_write((enum vmcs_field)(VMCS_GUEST_ES_ACCESS_RIGHTS + i), (code ? RIGHTS_CODE64 : RIGHTS_DATA) | RIGHTS_USER);
    }
}

void l2_run(void)
{
    struct cpu *c = this_cpu();
    c->caught.vector = NO_VECTOR;
    const uint64_t failure = l2_enter(c, c->launched);
    c->exit.reason = ~0u;
    switch (failure) {
    case 0:
        c->exit.failed = 0;
        c->exit.reason = (uint32_t)R(EXIT_REASON);
        if (!(c->exit.reason & EXIT_REASON_FAILED))
            c->launched = true;
        return;
    case 1:
        c->exit.failed = OUTCOME_INVALID;
        return;
    case 2:
        c->exit.failed = (int)R(INSTRUCTION_ERROR);
        return;
    default:
        c->exit.failed = OUTCOME_FAULT + (int)c->caught.vector;
        return;
    }
}

void l2_skip(void) { W(GUEST_RIP, R(GUEST_RIP) + R(EXIT_INSTRUCTION_LENGTH)); }

void want_exit(uint32_t reason)
{
    l2_run();
    expect("VM entry", (uint64_t)this_cpu()->exit.failed, 0);
    expect("exit reason", this_cpu()->exit.reason, reason);
}

void want_exit_with(uint32_t reason, uint64_t qualification)
{
    want_exit(reason);
    expect("exit qualification", R(EXIT_QUALIFICATION), qualification);
}

void want_end(void)
{
    want_exit(EXIT_VMCALL);
    const uint64_t rip = R(GUEST_RIP);
    if (rip == address(l2_trapped))
        test_fail("the code's end, not an event", this_cpu()->l2_trap.vector, NO_VECTOR);
    l2_skip();
}

void want_trap(uint64_t vector)
{
    want_exit(EXIT_VMCALL);
    expect("VMCALL of L2's event stub", R(GUEST_RIP), address(l2_trapped));
    expect("vector in L2", this_cpu()->l2_trap.vector, vector);
    l2_skip();
}

void want_vmfail(int outcome)
{
    l2_run();
    if (this_cpu()->exit.failed == 0)
        test_fail("VM entry fails, but exit reason", this_cpu()->exit.reason, (uint64_t)outcome);
    expect("VM-instruction error", (uint64_t)this_cpu()->exit.failed, (uint64_t)outcome);
}

void want_entry_failure(uint32_t reason, uint64_t qualification)
{
    l2_run();
    expect("VM entry", (uint64_t)this_cpu()->exit.failed, 0);
    expect("exit reason", this_cpu()->exit.reason, reason | EXIT_REASON_FAILED);
    expect("exit qualification", R(EXIT_QUALIFICATION), qualification);
}
