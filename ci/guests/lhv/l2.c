// SPDX-License-Identifier: BSD-2-Clause
// Entering L2.

#include "cpu_insn.h"
#include "l2.h"
#include "test.h"
#include "trap.h"
#include "vmx.h"

L2(l2_only_vmcall, "");

void l2_start(const char *code) { W(GUEST_RIP, address(code)); }

void l2_user(void)
{
    for (unsigned i = 0; i < SEGMENTS; i++) {
        const bool code = i == SEGMENT_CS;
        vmcs_write((enum vmcs_field)(VMCS_GUEST_ES_SELECTOR + i), code ? SELECTOR_USER_CODE : SELECTOR_USER_DATA);
        vmcs_write((enum vmcs_field)(VMCS_GUEST_ES_ACCESS_RIGHTS + i), (code ? RIGHTS_CODE64 : RIGHTS_DATA) | RIGHTS_USER);
    }
}

void l2_segment(enum l2_segment segment, uint16_t selector, uint64_t base, uint32_t limit, uint32_t rights)
{
    vmcs_write((enum vmcs_field)(VMCS_GUEST_ES_SELECTOR + segment), selector);
    vmcs_write((enum vmcs_field)(VMCS_GUEST_ES_BASE + segment), base);
    vmcs_write((enum vmcs_field)(VMCS_GUEST_ES_LIMIT + segment), limit);
    vmcs_write((enum vmcs_field)(VMCS_GUEST_ES_ACCESS_RIGHTS + segment), rights);
}

uint64_t l2_low(const char *code, const char *end)
{
    uint8_t *to = this_cpu()->low;
    for (const char *p = code; p < end; p++)
        to[p - code] = (uint8_t)*p;
    return address(to);
}

void l2_real(uint64_t at)
{
    CLEAR(ENTRY, GUEST_IA32E);
    W(GUEST_CR0, R(GUEST_CR0) & ~(CR0_PE | CR0_PG));
    W(GUEST_CR4, R(GUEST_CR4) & ~CR4_PAE);
    for (enum l2_segment i = SEGMENT_ES; i < SEGMENTS; i++)
        l2_segment(i, (uint16_t)(at >> 4), at, 0xffff, i == SEGMENT_CS ? RIGHTS_CODE16 : RIGHTS_DATA16);
    W(GUEST_RIP, 0);
    W(GUEST_RSP, 0x1ff0);
    W(GUEST_IDTR_BASE, at + 0x1000);
    W(GUEST_IDTR_LIMIT, 0x3ff);
}

void l2_protected_32(void)
{
    CLEAR(ENTRY, GUEST_IA32E);
    l2_segment(SEGMENT_CS, SELECTOR_CODE32, 0, 0xffffffff, RIGHTS_CODE32);
    W(GUEST_RSP, address(this_cpu()->low) + 0x1ff0);
    W(GUEST_RIP, address(this_cpu()->low));
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

uint64_t l2_ticks(const char *code)
{
    const uint64_t start = tsc();
    l2_start(code);
    l2_run();
    return tsc() - start;
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
