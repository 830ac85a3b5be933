// SPDX-License-Identifier: BSD-2-Clause
// The VMCS region in memory, and leaving VMX operation and coming back.

#include "cpu_insn.h"
#include "l2.h"
#include "vmx.h"
#include "x86.h"

#include <caps/addr.h>

void region_tests(void);

L2(region_cpuid, "cpuid");

#define MARK 0xa69f1c74

// After VMCLEAR the region holds the fields: what was written is found in it once, behind its first 8 bytes, which have the revision.
static void holds_fields(uint64_t unused)
{
    (void)unused;
    struct cpu *c = this_cpu();
    W(GUEST_ES_LIMIT, MARK);
    expect("VMCLEAR", (uint64_t)vmx_vmclear(address(c->vmcs[0])), 0);
    expect("revision", c->vmcs[0][0], msr_read(MSR_VMX_BASIC) & 0x7fffffff);
    unsigned found = 0;
    for (unsigned i = 2; i < PAGE_BYTES / 4; i++)
        found += c->vmcs[0][i] == MARK;
    expect("places with the mark", found, 1);
    expect("VMPTRLD", (uint64_t)vmx_vmptrld(address(c->vmcs[0])), 0);
    expect("field", R(GUEST_ES_LIMIT), MARK);
}

// VMX off and on again: the VMCS that was current is as it was, once it is loaded.
static void vmxoff_and_on(uint64_t unused)
{
    (void)unused;
    struct cpu *c = this_cpu();
    l2_start(region_cpuid);
    want_exit(EXIT_CPUID);
    for (unsigned i = 0; i < 3; i++) {
        W(GUEST_ES_SELECTOR, 0);
        W(CR3_TARGET3, 0x1000 + i);
        expect("VMCLEAR", (uint64_t)vmx_vmclear(address(c->vmcs[0])), 0);
        expect("VMWRITE without a VMCS", (uint64_t)vmx_vmwrite_raw(0x4004, 0), (uint64_t)OUTCOME_INVALID);
        expect("VMXOFF", (uint64_t)vmx_vmxoff(), 0);
        expect("VMWRITE without VMX", (uint64_t)vmx_vmwrite_raw(0x4004, 0), OUTCOME_FAULT + VECTOR_UD);
        expect("VMXON", (uint64_t)vmx_vmxon(address(c->vmxon_region)), 0);
        expect("VMWRITE after VMXON", (uint64_t)vmx_vmwrite_raw(0x4004, 0), (uint64_t)OUTCOME_INVALID);
        expect("VMPTRLD", (uint64_t)vmx_vmptrld(address(c->vmcs[0])), 0);
        expect("field", R(CR3_TARGET3), 0x1000 + i);
        c->launched = false;
        want_exit(EXIT_CPUID);
    }
}

// Several L2s in turn, each on a VMCS of its own, without VMCLEAR: each goes on where it was.
static void turns(uint64_t unused)
{
    (void)unused;
    struct cpu *c = this_cpu();
    bool launched[VMCS_MAX] = { false };
    for (unsigned i = 0; i < VMCS_MAX; i++) {
        vmcs_use(c, i);
        l2_start(region_cpuid);
        W(GUEST_RSP, address(c->l2_stack) - 8 - i * 64);
    }
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < VMCS_MAX; i++) {
            expect("VMPTRLD", (uint64_t)vmx_vmptrld(address(c->vmcs[i])), 0);
            c->launched = launched[i];
            want_exit(EXIT_CPUID);
            launched[i] = true;
            expect("its own RSP", R(GUEST_RSP), address(c->l2_stack) - 8 - i * 64);
        }
    }
    c->launched = false;
}

// VMX on and off many times leaves nothing behind.
static void many_times(uint64_t unused)
{
    (void)unused;
    struct cpu *c = this_cpu();
    for (unsigned i = 0; i < 20; i++) {
        expect("VMXOFF", (uint64_t)vmx_vmxoff(), 0);
        c->vmx_on = false;
        expect("VMXON", (uint64_t)vmx_vmxon(address(c->vmxon_region)), 0);
        c->vmx_on = true;
        uint64_t pointer = 0;
        expect("VMPTRST", (uint64_t)vmx_vmptrst_at(address(&pointer)), 0);
        expect("no current VMCS", pointer, ~0ull);
    }
    vmcs_fresh(c);
    l2_start(region_cpuid);
    want_exit(EXIT_CPUID);
}

// A working set of VMCSs larger than any cache: regions of the test's own pages.
static void many_regions(uint64_t unused)
{
    (void)unused;
    struct cpu *c = this_cpu();
    uint32_t *const regions[] = { c->vmcs[0], c->vmcs[1], c->vmcs[2], c->vmcs[3], (uint32_t *)(void *)c->page_a, (uint32_t *)(void *)c->page_b,
                                  (uint32_t *)(void *)c->page_c, (uint32_t *)(void *)c->data };
    const unsigned count = sizeof(regions) / sizeof(regions[0]);
    for (unsigned i = 0; i < count; i++) {
        *regions[i] = (uint32_t)msr_read(MSR_VMX_BASIC) & 0x7fffffff;
        expect("VMCLEAR", (uint64_t)vmx_vmclear(address(regions[i])), 0);
        expect("VMPTRLD", (uint64_t)vmx_vmptrld(address(regions[i])), 0);
        W(CR3_TARGET0, 0x5000 + i);
    }
    for (unsigned i = 0; i < count; i++) {
        expect("VMPTRLD", (uint64_t)vmx_vmptrld(address(regions[i])), 0);
        expect("field", R(CR3_TARGET0), 0x5000 + i);
        expect("VMCLEAR", (uint64_t)vmx_vmclear(address(regions[i])), 0);
    }
}

#define ROUNDS 3
#define FIELD_OF(i, round) (0x7000ull + (i) + (round) * 0x1000)

// More L2s than Bulkhead has places for: each keeps its fields, and whether it was launched, from one turn to the next.
static void hundreds(uint64_t unused)
{
    (void)unused;
    struct cpu *c = this_cpu();
    bool launched[REGIONS] = { false };
    for (unsigned i = 0; i < REGIONS; i++) {
        vmcs_use_region(c, c->regions[i]);
        l2_start(region_cpuid);
        W(GUEST_RSP, address(c->l2_stack) - 8 - i * 16);
        W(CR3_TARGET1, FIELD_OF(i, 0));
        if (i % 3 == 0) {
            want_exit(EXIT_CPUID);
            launched[i] = true;
        }
    }
    for (unsigned round = 1; round <= ROUNDS; round++) {
        for (unsigned n = 0; n < REGIONS; n++) {
            const unsigned i = n * 37 % REGIONS;  // all of them, in another order
            expect("VMPTRLD", (uint64_t)vmx_vmptrld(address(c->regions[i])), 0);
            expect("a field", R(CR3_TARGET1), FIELD_OF(i, round - 1));
            W(CR3_TARGET1, FIELD_OF(i, round));
            c->launched = !launched[i];
            want_vmfail(launched[i] ? ERROR_VMLAUNCH_NOT_CLEAR : ERROR_VMRESUME_CLEAR);
            if (i % 3 == round % 3) {
                c->launched = launched[i];
                want_exit(EXIT_CPUID);
                launched[i] = true;
                expect("its own RSP", R(GUEST_RSP), address(c->l2_stack) - 8 - i * 16);
            }
        }
    }
    c->launched = false;
    for (unsigned i = 0; i < REGIONS; i++) {
        expect("VMCLEAR", (uint64_t)vmx_vmclear(address(c->regions[i])), 0);
        expect("VMPTRLD", (uint64_t)vmx_vmptrld(address(c->regions[i])), 0);
        expect("a field", R(CR3_TARGET1), FIELD_OF(i, ROUNDS));
        expect("VMRESUME", (uint64_t)vmx_vmresume(), ERROR_VMRESUME_CLEAR);
        expect("VMCLEAR", (uint64_t)vmx_vmclear(address(c->regions[i])), 0);
    }
}

void region_tests(void)
{
    TEST(holds_fields);
    TEST(vmxoff_and_on);
    TEST(turns);
    TEST(many_times);
    TEST(many_regions);
    TEST(hundreds);
}
