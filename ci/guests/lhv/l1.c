// SPDX-License-Identifier: BSD-2-Clause
// L1's own instructions, as far as a hypervisor below it has its hand in: registers, MSRs and exceptions are as on the bare CPU.

#include "cpu_insn.h"
#include "l1_insn.h"
#include "lapic.h"
#include "test.h"
#include "vmx.h"
#include "x86.h"

void l1_tests(void);

#define CR0_ET            (1ull << 4)
#define CPUID_XSAVE       (1u << 26)
#define CPUID_OSXSAVE     (1u << 27)
#define XCR0_X87          1ull
#define XCR0_SSE          2ull
#define XCR0_AVX          4ull
#define DR6_BS            (1ull << 14)
#define MSR_MTRR_FIX64K   0x250
#define MSR_MTRR_CAP      0xfe
#define FAULT(vector)     (OUTCOME_FAULT + (uint64_t)(vector))


// XSETBV: what the CPU refuses is #GP, what it takes is read back; the OS' bit in CPUID follows CR4.
static void xsetbv(uint64_t unused)
{
    (void)unused;
    if (!(cpuid(1).ecx & CPUID_XSAVE))
        test_skip("no XSAVE");
    const uint64_t cr4 = cr4_read();
    cr4_write(cr4 & ~CR4_OSXSAVE);
    expect("CPUID.OSXSAVE while CR4 has it not", cpuid(1).ecx & CPUID_OSXSAVE, 0);
    expect("XSETBV without CR4.OSXSAVE", (uint64_t)try_xsetbv(0, XCR0_X87), FAULT(VECTOR_UD));
    cr4_write(cr4 | CR4_OSXSAVE);
    expect("CPUID.OSXSAVE", cpuid(1).ecx & CPUID_OSXSAVE, CPUID_OSXSAVE);
    const uint64_t before = xgetbv();
    expect("XCR0 without x87", (uint64_t)try_xsetbv(0, 0), FAULT(VECTOR_GP));
    expect("AVX without SSE", (uint64_t)try_xsetbv(0, XCR0_X87 | XCR0_AVX), FAULT(VECTOR_GP));
    expect("reserved bits", (uint64_t)try_xsetbv(0, XCR0_X87 | 1ull << 62), FAULT(VECTOR_GP));
    expect("XCR1", (uint64_t)try_xsetbv(1, XCR0_X87), FAULT(VECTOR_GP));
    expect("XCR0 as before", xgetbv(), before);
    expect("x87 and SSE", (uint64_t)try_xsetbv(0, XCR0_X87 | XCR0_SSE), 0);
    expect("XCR0", xgetbv(), XCR0_X87 | XCR0_SSE);
    expect("x87 alone", (uint64_t)try_xsetbv(0, XCR0_X87), 0);
    expect("XCR0", xgetbv(), XCR0_X87);
    expect("XCR0 back", (uint64_t)try_xsetbv(0, before), 0);
    cr4_write(cr4);
}

static void cr0(uint64_t unused)
{
    (void)unused;
    const uint64_t real = cr0_read();
    expect("without PE", (uint64_t)try_cr0(real & ~CR0_PE), FAULT(VECTOR_GP));
    expect("without PG in 64-bit mode", (uint64_t)try_cr0(real & ~CR0_PG), FAULT(VECTOR_GP));
    expect("NW without CD", (uint64_t)try_cr0(real | CR0_NW), FAULT(VECTOR_GP));
    expect("bit 32", (uint64_t)try_cr0(real | 1ull << 32), FAULT(VECTOR_GP));
    expect("without NE in VMX operation", (uint64_t)try_cr0(real & ~CR0_NE), FAULT(VECTOR_GP));
    expect("CR0", cr0_read(), real);
    expect("CD and NW", (uint64_t)try_cr0(real | CR0_CD | CR0_NW), 0);
    expect("CR0 with CD and NW", cr0_read(), real | CR0_CD | CR0_NW);
    expect("TS, EM", (uint64_t)try_cr0(real | CR0_TS | CR0_EM), 0);
    expect("CR0 with TS and EM", cr0_read(), real | CR0_TS | CR0_EM);
    expect("back", (uint64_t)try_cr0(real), 0);
    cpu_vmx_off(this_cpu());
    expect("without NE outside VMX operation", (uint64_t)try_cr0(real & ~CR0_NE), 0);
    expect("CR0 without NE", cr0_read(), real & ~CR0_NE);
    expect("SMSW", smsw() & 0xffff, real & ~CR0_NE & 0xffff);
    expect("back", (uint64_t)try_cr0(real), 0);
    expect("CR0", cr0_read(), real | CR0_ET);
}

static void cr4(uint64_t unused)
{
    (void)unused;
    const uint64_t real = cr4_read();
    expect("without PAE in 64-bit mode", (uint64_t)try_cr4(real & ~CR4_PAE), FAULT(VECTOR_GP));
    expect("without VMXE in VMX operation", (uint64_t)try_cr4(real & ~CR4_VMXE), FAULT(VECTOR_GP));
    expect("a reserved bit", (uint64_t)try_cr4(real | 1ull << 30), FAULT(VECTOR_GP));
    expect("bit 32", (uint64_t)try_cr4(real | 1ull << 32), FAULT(VECTOR_GP));
    expect("CR4", cr4_read(), real);
    expect("TSD, DE, PGE", (uint64_t)try_cr4(real | CR4_TSD | CR4_DE | CR4_PGE), 0);
    expect("CR4 with TSD, DE, PGE", cr4_read(), real | CR4_TSD | CR4_DE | CR4_PGE);
    expect("back", (uint64_t)try_cr4(real), 0);
    cpu_vmx_off(this_cpu());
    expect("without VMXE outside VMX operation", (uint64_t)try_cr4(real & ~CR4_VMXE), 0);
    expect("CR4 without VMXE", cr4_read(), real & ~CR4_VMXE);
    expect("VMXON then", (uint64_t)vmx_vmxon(address(this_cpu()->vmxon_region)), FAULT(VECTOR_UD));
    expect("back", (uint64_t)try_cr4(real), 0);
}

// Outside of VMX operation there is no VMX but VMXON; VMCALL is #UD where nobody knows its number.
static void vmx_off(uint64_t unused)
{
    (void)unused;
    uint64_t value = 0;
    cpu_vmx_off(this_cpu());
    expect("VMREAD", (uint64_t)vmx_vmread_raw(0x681e, &value), FAULT(VECTOR_UD));
    expect("VMWRITE", (uint64_t)vmx_vmwrite_raw(0x681e, 0), FAULT(VECTOR_UD));
    expect("VMLAUNCH", (uint64_t)vmx_vmlaunch(), FAULT(VECTOR_UD));
    expect("VMRESUME", (uint64_t)vmx_vmresume(), FAULT(VECTOR_UD));
    expect("VMXOFF", (uint64_t)vmx_vmxoff(), FAULT(VECTOR_UD));
    expect("VMCALL", (uint64_t)vmx_vmcall(), FAULT(VECTOR_UD));
    expect("VMPTRLD", (uint64_t)vmx_vmptrld(address(this_cpu()->vmcs[0])), FAULT(VECTOR_UD));
    expect("INVEPT", (uint64_t)vmx_invept(2, 0, 0), FAULT(VECTOR_UD));
}

// MSRs whose writes L0 looks at: values that the CPU refuses are #GP, others are read back (SDM 3A 12.11 "Memory Type Range Registers (MTRRs)").
static void mtrr(uint64_t unused)
{
    (void)unused;
    uint64_t value = 0;
    const uint64_t kind = msr_read(MSR_MTRR_DEFAULT), base = msr_read(MSR_MTRR_PHYSBASE6), fixed = msr_read(MSR_MTRR_FIX64K);
    expect("a default type that there isn't", (uint64_t)msr_try_write(MSR_MTRR_DEFAULT, (kind & ~0xffull) | 2), FAULT(VECTOR_GP));
    expect("a variable type that there isn't", (uint64_t)msr_try_write(MSR_MTRR_PHYSBASE6, 3), FAULT(VECTOR_GP));
    expect("a fixed type that there isn't", (uint64_t)msr_try_write(MSR_MTRR_FIX64K, 0x0606060606060607), FAULT(VECTOR_GP));
    expect("as before", msr_read(MSR_MTRR_DEFAULT) ^ msr_read(MSR_MTRR_PHYSBASE6) ^ msr_read(MSR_MTRR_FIX64K), kind ^ base ^ fixed);
    expect("a type", (uint64_t)msr_try_write(MSR_MTRR_PHYSBASE6, 0x12345001), 0);
    expect("read", (uint64_t)msr_try_read(MSR_MTRR_PHYSBASE6, &value), 0);
    expect("it", value, 0x12345001);
    expect("back", (uint64_t)msr_try_write(MSR_MTRR_PHYSBASE6, base), 0);
    expect("IA32_MTRRCAP", (uint64_t)msr_try_write(MSR_MTRR_CAP, 0), FAULT(VECTOR_GP));
}

static void feature_control(uint64_t unused)
{
    (void)unused;
    const uint64_t value = msr_read(MSR_FEATURE_CONTROL);
    expect("locked, with VMXON", value & 5, 5);
    expect("a write", (uint64_t)msr_try_write(MSR_FEATURE_CONTROL, value & ~4ull), FAULT(VECTOR_GP));
    expect("a capability", (uint64_t)msr_try_write(MSR_VMX_BASIC, 0), FAULT(VECTOR_GP));
}

// With RFLAGS.TF each of these is followed by a #DB right behind it, whether it exits or not.
static void single_step(uint64_t unused)
{
    (void)unused;
    static const struct { const char *name; void (*run)(struct stepped *out, uint64_t argument); uint64_t argument; } steps[] = {
        { "NOP", step_nop, 0 }, { "CPUID", step_cpuid, 0 }, { "RDMSR", step_rdmsr, MSR_VMX_BASIC }, { "MOV from CR4", step_mov_cr4, 0 },
        { "OUT", step_out, 0 }, { "IN", step_in, 0 }, { "INVD", step_invd, 0 },
    };
    for (unsigned i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        struct stepped stepped = { 0 };
        this_cpu()->caught.vector = NO_VECTOR;
        dr6_write(0xffff0ff0);
        steps[i].run(&stepped, steps[i].argument);
        expect(steps[i].name, this_cpu()->caught.vector, VECTOR_DB);
        expect("RIP is behind it", this_cpu()->caught.rip, stepped.behind);
        expect("DR6.BS", dr6_read() & DR6_BS, DR6_BS);
    }
}

// INVD may lose what is in the caches only; nothing of ours is, for L0 writes them back instead.
static void invd(uint64_t unused)
{
    (void)unused;
    volatile uint64_t *data = this_cpu()->data;
    *data = 0x1122334455667788;
    expect("INVD", (uint64_t)try_invd(), 0);
    expect("memory", *data, 0x1122334455667788);
}

// An NMI that comes while NMIs are blocked waits for the IRET; of two one is left.
static void nmi_again(uint64_t unused)
{
    (void)unused;
    const struct cpu *c = this_cpu();
    for (unsigned i = 0; i < 2; i++)
        lapic_send(c->apic_id, ICR_NMI);
    for (unsigned i = 0; i < 1000; i++)
        cpu_relax();
}

static void nmi(uint64_t unused)
{
    (void)unused;
    struct cpu *c = this_cpu();
    const uint64_t before = c->nmis;
    lapic_send(c->apic_id, ICR_NMI);
    for (unsigned i = 0; i < 1000; i++)
        cpu_relax();
    expect("NMIs", c->nmis - before, 1);
    c->nmi_body = nmi_again;
    lapic_send(c->apic_id, ICR_NMI);
    for (unsigned i = 0; i < 1000; i++)
        cpu_relax();
    expect("NMIs with those that came while they were blocked", c->nmis - before, 3);
}

void l1_tests(void)
{
    TEST(xsetbv);
    TEST(cr0);
    TEST(cr4);
    TEST(vmx_off);
    TEST(mtrr);
    TEST(feature_control);
    TEST(single_step);
    TEST(invd);
    TEST(nmi);
}
