// SPDX-License-Identifier: BSD-2-Clause
// VMX instructions in L1: success, VMfail with each error number, faults (SDM 3C 31.3 "VMX Instructions", 31.4 "VM Instruction Error Numbers").

#include "cpu_insn.h"
#include "ept12.h"
#include "l2.h"
#include "user.h"
#include "vmcs.h"
#include "vmx.h"

void instruction_tests(void);

L2(instruction_cpuid, "cpuid");

#define NOT_CANONICAL 0x800000000000ull
#define NOT_PRESENT   (1ull << 41)

static uint64_t region(unsigned i) { return address(this_cpu()->vmcs[i]); }

static void vmptrst(uint64_t unused)
{
    (void)unused;
    uint64_t *cell = this_cpu()->data;
    expect("VMPTRST", (uint64_t)vmx_vmptrst_at(address(cell)), 0);
    expect("pointer", cell[0], region(0));
    expect("VMCLEAR of the current VMCS", (uint64_t)vmx_vmclear(region(0)), 0);
    expect("VMPTRST", (uint64_t)vmx_vmptrst_at(address(cell)), 0);
    expect("no pointer", cell[0], ~0ull);
}

static void vmclear_other_keeps_current(uint64_t unused)
{
    (void)unused;
    expect("VMCLEAR", (uint64_t)vmx_vmclear(region(1)), 0);
    expect("VMPTRST", (uint64_t)vmx_vmptrst_at(address(this_cpu()->data)), 0);
    expect("pointer", this_cpu()->data[0], region(0));
}

static void no_current_vmcs(uint64_t unused)
{
    (void)unused;
    uint64_t value = 0;
    (void)vmx_vmclear(region(0));
    expect("VMREAD", (uint64_t)vmx_vmread_raw(0x4400, &value), (uint64_t)OUTCOME_INVALID);
    expect("VMWRITE", (uint64_t)vmx_vmwrite_raw(0x4004, 0), (uint64_t)OUTCOME_INVALID);
    expect("VMREAD of what a shadow VMCS has", (uint64_t)vmx_vmread_raw(0x4402, &value), (uint64_t)OUTCOME_INVALID);
    expect("VMWRITE of what a shadow VMCS has", (uint64_t)vmx_vmwrite_raw(0x681e, 0), (uint64_t)OUTCOME_INVALID);
    expect("VMREAD of no field", (uint64_t)vmx_vmread_raw(0x7ffe, &value), (uint64_t)OUTCOME_INVALID);
    expect("VMLAUNCH", (uint64_t)vmx_vmlaunch(), (uint64_t)OUTCOME_INVALID);
    expect("VMRESUME", (uint64_t)vmx_vmresume(), (uint64_t)OUTCOME_INVALID);
    // Failing instructions with an error number have nowhere to put it.
    expect("VMCLEAR of a bad address", (uint64_t)vmx_vmclear(region(0) + 8), (uint64_t)OUTCOME_INVALID);
    expect("VMPTRLD of a bad address", (uint64_t)vmx_vmptrld(region(0) + 8), (uint64_t)OUTCOME_INVALID);
    expect("VMXON", (uint64_t)vmx_vmxon(address(this_cpu()->vmxon_region)), (uint64_t)OUTCOME_INVALID);
}

static uint64_t beyond_physical(void) { return 1ull << (cpuid(0x80000008).eax & 0xff); }

static void vmclear_address(uint64_t unused)
{
    (void)unused;
    expect("not aligned", (uint64_t)vmx_vmclear(region(0) + 0x800), ERROR_VMCLEAR_ADDRESS);
    expect("too wide", (uint64_t)vmx_vmclear(region(0) | beyond_physical()), ERROR_VMCLEAR_ADDRESS);
    expect("bit 63", (uint64_t)vmx_vmclear(region(0) | 1ull << 63), ERROR_VMCLEAR_ADDRESS);
    expect("VMXON pointer", (uint64_t)vmx_vmclear(address(this_cpu()->vmxon_region)), ERROR_VMCLEAR_VMXON);
}

static void vmptrld_address(uint64_t unused)
{
    (void)unused;
    expect("not aligned", (uint64_t)vmx_vmptrld(region(1) + 0x800), ERROR_VMPTRLD_ADDRESS);
    expect("too wide", (uint64_t)vmx_vmptrld(region(1) | beyond_physical()), ERROR_VMPTRLD_ADDRESS);
    expect("VMXON pointer", (uint64_t)vmx_vmptrld(address(this_cpu()->vmxon_region)), ERROR_VMPTRLD_VMXON);
    *this_cpu()->vmcs[1] ^= 1;
    expect("revision", (uint64_t)vmx_vmptrld(region(1)), ERROR_VMPTRLD_REVISION);
    expect("VMPTRST", (uint64_t)vmx_vmptrst_at(address(this_cpu()->data)), 0);
    expect("still current", this_cpu()->data[0], region(0));
}

// Bit 31 of a region's first word makes a shadow VMCS: not to be loaded where the CPU has no VMCS shadowing.
static void vmptrld_shadow(uint64_t unused)
{
    (void)unused;
    *this_cpu()->vmcs[1] |= 1u << 31;
    const bool shadowing = HAS(PROC2, VMCS_SHADOWING);
    expect("VMPTRLD", (uint64_t)vmx_vmptrld(region(1)), shadowing ? 0 : ERROR_VMPTRLD_REVISION);
    if (shadowing)
        expect("VMLAUNCH of a shadow VMCS", (uint64_t)vmx_vmlaunch(), (uint64_t)OUTCOME_INVALID);
}

static void launch_state(uint64_t unused)
{
    (void)unused;
    struct cpu *c = this_cpu();
    l2_start(instruction_cpuid);
    expect("VMRESUME of a clear VMCS", (uint64_t)vmx_vmresume(), ERROR_VMRESUME_CLEAR);
    want_exit(EXIT_CPUID);
    expect("VMLAUNCH of a launched VMCS", (uint64_t)vmx_vmlaunch(), ERROR_VMLAUNCH_NOT_CLEAR);
    want_exit(EXIT_CPUID);
    expect("VMCLEAR", (uint64_t)vmx_vmclear(region(0)), 0);
    expect("VMPTRLD", (uint64_t)vmx_vmptrld(region(0)), 0);
    expect("VMRESUME after VMCLEAR", (uint64_t)vmx_vmresume(), ERROR_VMRESUME_CLEAR);
    c->launched = false;
    want_exit(EXIT_CPUID);
}

static void failed_launch_stays_clear(uint64_t unused)
{
    (void)unused;
    l2_start(instruction_cpuid);
    W(HOST_CR3, ~0ull);
    want_vmfail(ERROR_ENTRY_HOST);
    expect("VMRESUME", (uint64_t)vmx_vmresume(), ERROR_VMRESUME_CLEAR);
    W(HOST_CR3, cr3_read());
    W(GUEST_RFLAGS, 0);
    want_entry_failure(EXIT_ENTRY_GUEST_STATE, 0);
    expect("VMRESUME", (uint64_t)vmx_vmresume(), ERROR_VMRESUME_CLEAR);
    W(GUEST_RFLAGS, FLAG_FIXED);
    want_exit(EXIT_CPUID);
}

static void blocked_by_mov_ss(uint64_t unused)
{
    (void)unused;
    uint64_t flags;
    vmx_before();
    __asm__ volatile(CATCH("mov %%ss, %%ecx\n\tmov %%ecx, %%ss\n\tvmlaunch") : "=&a"(flags) : : "rcx", "memory", "cc");
    expect("VMLAUNCH behind MOV SS", (uint64_t)vmx_outcome(flags), ERROR_ENTRY_MOV_SS);
}

static void vmxon_in_root(uint64_t unused)
{
    (void)unused;
    expect("VMXON", (uint64_t)vmx_vmxon(address(this_cpu()->vmxon_region)), ERROR_VMXON_IN_ROOT);
    expect("VMXON of nonsense", (uint64_t)vmx_vmxon(1), ERROR_VMXON_IN_ROOT);
}

static void vmxon_pointer(uint64_t unused)
{
    (void)unused;
    struct cpu *c = this_cpu();
    expect("VMXOFF", (uint64_t)vmx_vmxoff(), 0);
    c->vmx_on = false;
    expect("not aligned", (uint64_t)vmx_vmxon(address(c->vmxon_region) + 8), (uint64_t)OUTCOME_INVALID);
    expect("too wide", (uint64_t)vmx_vmxon(address(c->vmxon_region) | beyond_physical()), (uint64_t)OUTCOME_INVALID);
    *c->vmxon_region ^= 2;
    expect("revision", (uint64_t)vmx_vmxon(address(c->vmxon_region)), (uint64_t)OUTCOME_INVALID);
    *c->vmxon_region ^= 2;
    *c->vmxon_region |= 1u << 31;
    expect("bit 31", (uint64_t)vmx_vmxon(address(c->vmxon_region)), (uint64_t)OUTCOME_INVALID);
    *c->vmxon_region &= ~(1u << 31);
    expect("VMXON", (uint64_t)vmx_vmxon(address(c->vmxon_region)), 0);
    c->vmx_on = true;
}

static void outside_vmx(uint64_t unused)
{
    (void)unused;
    struct cpu *c = this_cpu();
    const int ud = OUTCOME_FAULT + VECTOR_UD;
    uint64_t value = 0;
    expect("VMXOFF", (uint64_t)vmx_vmxoff(), 0);
    c->vmx_on = false;
    expect("VMREAD", (uint64_t)vmx_vmread_raw(0x4400, &value), (uint64_t)ud);
    expect("VMWRITE", (uint64_t)vmx_vmwrite_raw(0x4004, 0), (uint64_t)ud);
    expect("VMREAD of what a shadow VMCS has", (uint64_t)vmx_vmread_raw(0x4402, &value), (uint64_t)ud);
    expect("VMWRITE of what a shadow VMCS has", (uint64_t)vmx_vmwrite_raw(0x681e, 0), (uint64_t)ud);
    expect("VMCLEAR", (uint64_t)vmx_vmclear(region(0)), (uint64_t)ud);
    expect("VMPTRLD", (uint64_t)vmx_vmptrld(region(0)), (uint64_t)ud);
    expect("VMPTRST", (uint64_t)vmx_vmptrst_at(address(c->data)), (uint64_t)ud);
    expect("VMLAUNCH", (uint64_t)vmx_vmlaunch(), (uint64_t)ud);
    expect("VMRESUME", (uint64_t)vmx_vmresume(), (uint64_t)ud);
    expect("VMXOFF", (uint64_t)vmx_vmxoff(), (uint64_t)ud);
    expect("INVEPT", (uint64_t)vmx_invept(2, 0, 0), (uint64_t)ud);
    expect("INVVPID", (uint64_t)vmx_invvpid(2, 0, 0), (uint64_t)ud);
    expect("VMCALL", (uint64_t)vmx_vmcall(), (uint64_t)ud);
    cr4_write(cr4_read() & ~CR4_VMXE);
    expect("VMXON without CR4.VMXE", (uint64_t)vmx_vmxon(address(c->vmxon_region)), (uint64_t)ud);
}

// VMCALL in L1, of a number that no partition answers: without the dual-monitor treatment of SMIs there is nobody to call.
static void vmcall_no_vmcs(uint64_t unused)
{
    (void)unused;
    (void)vmx_vmclear(region(0));
    expect("VMCALL", (uint64_t)vmx_vmcall(), (uint64_t)OUTCOME_INVALID);
}

static void vmcall_launched(uint64_t unused)
{
    (void)unused;
    l2_start(instruction_cpuid);
    want_exit(EXIT_CPUID);
    expect("VMCALL", (uint64_t)vmx_vmcall(), ERROR_VMCALL_IN_ROOT);
}

static void vmcall_clear(uint64_t unused)
{
    (void)unused;
    test_emulator("emulator: VMCALL with a clear VMCS ends the run");
    expect("VMCALL", (uint64_t)vmx_vmcall(), ERROR_VMCALL_IN_ROOT);
}

static uint64_t call(uint64_t number)
{
    __asm__ volatile("vmcall" : "+a"(number) : : "memory", "cc");
    return number;
}

static void vmcall_user(uint64_t unused)
{
    (void)unused;
    struct cpu *c = this_cpu();
    c->caught.vector = NO_VECTOR;
    c->catch_rip = address(user_faulted);
    (void)user_run(call, 0, c->l2_stack - 16);
    c->catch_rip = 0;
    expect("exception", c->caught.vector, VECTOR_GP);
    expect("error code", c->caught.error, 0);
}

// VMXON wants the fixed bits of CR0 and CR4 (SDM 3C 24.8 "Restrictions on VMX Operation").
static void vmxon_fixed_bits(uint64_t unused)
{
    (void)unused;
    struct cpu *c = this_cpu();
    expect("VMXOFF", (uint64_t)vmx_vmxoff(), 0);
    c->vmx_on = false;
    cr0_write(cr0_read() & ~CR0_NE);
    expect("VMXON without CR0.NE", (uint64_t)vmx_vmxon(address(c->vmxon_region)), OUTCOME_FAULT + VECTOR_GP);
    cr0_write(cr0_read() | CR0_NE);
    expect("VMXON", (uint64_t)vmx_vmxon(address(c->vmxon_region)), 0);
    c->vmx_on = true;
}

static int cr4_try(uint64_t value)
{
    uint64_t flags;
    vmx_before();
    __asm__ volatile(CATCH("mov %1, %%cr4") : "=&a"(flags) : "r"(value) : "memory", "cc");
    return vmx_outcome(flags & 0);
}

static int cr0_try(uint64_t value)
{
    uint64_t flags;
    vmx_before();
    __asm__ volatile(CATCH("mov %1, %%cr0") : "=&a"(flags) : "r"(value) : "memory", "cc");
    return vmx_outcome(flags & 0);
}

// In VMX operation the fixed bits can't be changed.
static void fixed_bits_in_vmx(uint64_t unused)
{
    (void)unused;
    expect("CR4.VMXE off", (uint64_t)cr4_try(cr4_read() & ~CR4_VMXE), OUTCOME_FAULT + VECTOR_GP);
    expect("CR0.NE off", (uint64_t)cr0_try(cr0_read() & ~CR0_NE), OUTCOME_FAULT + VECTOR_GP);
    expect("CR0.PG off", (uint64_t)cr0_try(cr0_read() & ~CR0_PG), OUTCOME_FAULT + VECTOR_GP);
    expect("VMXOFF", (uint64_t)vmx_vmxoff(), 0);
    this_cpu()->vmx_on = false;
    expect("CR4.VMXE off, out of VMX", (uint64_t)cr4_try(cr4_read() & ~CR4_VMXE), 0);
    expect("CR4.VMXE", cr4_read() & CR4_VMXE, 0);
    expect("CR4.VMXE on", (uint64_t)cr4_try(cr4_read() | CR4_VMXE), 0);
    expect("VMXON", (uint64_t)vmx_vmxon(address(this_cpu()->vmxon_region)), 0);
    this_cpu()->vmx_on = true;
}

// The memory operand is an access like any other.
static void operand_faults(uint64_t unused)
{
    (void)unused;
    const uint64_t gp = OUTCOME_FAULT + VECTOR_GP, pf = OUTCOME_FAULT + VECTOR_PF;
    struct cpu *c = this_cpu();
    expect("VMCLEAR, not canonical", (uint64_t)vmx_vmclear_at(NOT_CANONICAL), gp);
    expect("VMPTRLD, not canonical", (uint64_t)vmx_vmptrld_at(NOT_CANONICAL), gp);
    expect("VMPTRST, not canonical", (uint64_t)vmx_vmptrst_at(NOT_CANONICAL), gp);
    expect("VMREAD, not canonical", (uint64_t)vmx_vmread_at(0x4400, NOT_CANONICAL), gp);
    expect("VMWRITE, not canonical", (uint64_t)vmx_vmwrite_at(0x4004, NOT_CANONICAL), gp);
    expect("RF in a fault's image", c->caught.rflags & FLAG_RF, FLAG_RF);
    expect("VMCLEAR, not present", (uint64_t)vmx_vmclear_at(NOT_PRESENT), pf);
    expect("RF", c->caught.rflags & FLAG_RF, FLAG_RF);
    expect("error code", c->caught.error, 0);
    expect("CR2", c->caught.cr2, NOT_PRESENT);
    expect("VMPTRLD, not present", (uint64_t)vmx_vmptrld_at(NOT_PRESENT), pf);
    expect("VMPTRST, not present", (uint64_t)vmx_vmptrst_at(NOT_PRESENT + 16), pf);
    expect("error code", c->caught.error, 2);
    expect("CR2", c->caught.cr2, NOT_PRESENT + 16);
    expect("VMREAD, not present", (uint64_t)vmx_vmread_at(0x4400, NOT_PRESENT), pf);
    expect("VMWRITE, not present", (uint64_t)vmx_vmwrite_at(0x4004, NOT_PRESENT), pf);
}

static void capability_msrs_read_only(uint64_t unused)
{
    (void)unused;
    for (uint32_t msr = MSR_VMX_BASIC; msr <= 0x491; msr++) {
        uint64_t value;
        if (msr_try_read(msr, &value) == 0 && msr_try_write(msr, value) != OUTCOME_FAULT + VECTOR_GP)
            test_fail("WRMSR succeeds", msr, OUTCOME_FAULT + VECTOR_GP);
    }
    expect("WRMSR of IA32_FEATURE_CONTROL, locked", (uint64_t)msr_try_write(MSR_FEATURE_CONTROL, msr_read(MSR_FEATURE_CONTROL)),
           OUTCOME_FAULT + VECTOR_GP);
}

void instruction_tests(void)
{
    TEST(vmptrst);
    TEST(vmclear_other_keeps_current);
    TEST(no_current_vmcs);
    TEST(vmclear_address);
    TEST(vmptrld_address);
    TEST(vmptrld_shadow);
    TEST(launch_state);
    TEST(failed_launch_stays_clear);
    TEST(blocked_by_mov_ss);
    TEST(vmxon_in_root);
    TEST(vmxon_pointer);
    TEST(outside_vmx);
    test_row("vmcall", "no_vmcs", vmcall_no_vmcs, 0);
    test_row("vmcall", "launched", vmcall_launched, 0);
    test_row("vmcall", "clear", vmcall_clear, 0);
    test_row("vmcall", "user", vmcall_user, 0);
    TEST(vmxon_fixed_bits);
    TEST(fixed_bits_in_vmx);
    TEST(operand_faults);
    TEST(capability_msrs_read_only);
}
