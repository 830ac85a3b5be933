// SPDX-License-Identifier: BSD-2-Clause
// Control registers of L2: masks and read shadows, CR3 targets, CR8 (SDM 3C 25.6.6 to 25.6.8, 26.1.3, 26.3 "Changes to Instruction Behavior").

#include "cpu_insn.h"
#include "l2.h"
#include "x86.h"

void cr_tests(void);

L2(cr_cr0_read, "mov %cr0, %rax");
L2(cr_cr0_write, "mov %rbx, %cr0");
L2(cr_smsw, "smsw %eax");
L2(cr_clts, "clts");
L2(cr_lmsw, "lmsw %bx");
L2(cr_lmsw_memory, "lmsw (%rsi)");
L2(cr_cr4_read, "mov %cr4, %rax");
L2(cr_cr4_write, "mov %r9, %cr4");
L2(cr_cr3_read, "mov %cr3, %r10");
L2(cr_cr3_write, "mov %rdx, %cr3");
L2(cr_cr8_read, "mov %cr8, %r12");
L2(cr_cr8_write, "mov %rbp, %cr8");

// Qualification (SDM 3C table 28-3): register, 0 to / 1 from / 2 CLTS / 3 LMSW, GPR.
#define TO(cr, gpr)   ((cr) | 0ull << 4 | (uint64_t)(gpr) << 8)
#define FROM(cr, gpr) ((cr) | 1ull << 4 | (uint64_t)(gpr) << 8)

static void cr0_shadow(uint64_t unused)
{
    (void)unused;
    const uint64_t real = R(GUEST_CR0);
    W(CR0_GUEST_HOST_MASK, CR0_TS | CR0_EM | CR0_NE);
    W(CR0_READ_SHADOW, CR0_TS | CR0_CD);
    l2_start(cr_cr0_read);
    want_end();
    expect("CR0 in L2", GPR(RAX), (real & ~(CR0_TS | CR0_EM | CR0_NE)) | CR0_TS);
    l2_start(cr_smsw);
    GPR(RAX) = 0;
    want_end();
    expect("SMSW in L2", GPR(RAX) & 0xffff, ((real & ~(CR0_TS | CR0_EM | CR0_NE)) | CR0_TS) & 0xffff);
}

// A write exits if it would give a masked bit another value than the shadow has.
static void cr0_masked_write(uint64_t unused)
{
    (void)unused;
    const uint64_t real = R(GUEST_CR0);
    W(CR0_GUEST_HOST_MASK, CR0_TS);
    W(CR0_READ_SHADOW, CR0_TS);
    l2_start(cr_cr0_write);
    GPR(RBX) = real | CR0_TS | CR0_WP;  // TS as in the shadow: no exit, and TS stays what it is
    want_end();
    expect("CR0", R(GUEST_CR0), real | CR0_WP);
    l2_start(cr_cr0_write);
    GPR(RBX) = real & ~CR0_TS;
    want_exit_with(EXIT_CR_ACCESS, TO(0, RBX));
    expect("GUEST_RIP", R(GUEST_RIP), address(cr_cr0_write));
    expect("CR0 unchanged", R(GUEST_CR0), real | CR0_WP);
}

static void clts(uint64_t unused)
{
    (void)unused;
    W(GUEST_CR0, R(GUEST_CR0) | CR0_TS);
    l2_start(cr_clts);
    want_end();
    expect("TS", R(GUEST_CR0) & CR0_TS, 0);
    // Masked, shadow 1: exits. Masked, shadow 0: does nothing.
    W(GUEST_CR0, R(GUEST_CR0) | CR0_TS);
    W(CR0_GUEST_HOST_MASK, CR0_TS);
    W(CR0_READ_SHADOW, CR0_TS);
    l2_start(cr_clts);
    want_exit_with(EXIT_CR_ACCESS, 2 << 4);
    W(CR0_READ_SHADOW, 0);
    l2_start(cr_clts);
    want_end();
    expect("TS", R(GUEST_CR0) & CR0_TS, CR0_TS);
}

static void lmsw(uint64_t unused)
{
    (void)unused;
    const uint64_t real = R(GUEST_CR0);
    l2_start(cr_lmsw);
    GPR(RBX) = CR0_PE | CR0_MP | CR0_TS;
    want_end();
    expect("TS", R(GUEST_CR0) & CR0_TS, CR0_TS);
    W(GUEST_CR0, real);
    W(CR0_GUEST_HOST_MASK, CR0_TS | CR0_PE);
    W(CR0_READ_SHADOW, CR0_PE);
    l2_start(cr_lmsw);
    want_exit(EXIT_CR_ACCESS);
    expect("qualification, register form", R(EXIT_QUALIFICATION) & 0xffff007f, 3 << 4 | (CR0_PE | CR0_MP | CR0_TS) << 16);
    l2_start(cr_lmsw_memory);
    this_cpu()->data[0] = CR0_PE | CR0_TS;
    GPR(RSI) = address(this_cpu()->data);
    want_exit(EXIT_CR_ACCESS);
    expect("qualification, memory form", R(EXIT_QUALIFICATION) & 0xffff007f, 3 << 4 | 1 << 6 | (CR0_PE | CR0_TS) << 16);
    expect("guest-linear address", R(GUEST_LINEAR_ADDR), address(this_cpu()->data));
}

// The fixed bits: #GP where they aren't masked.
static void fixed_bits(uint64_t unused)
{
    (void)unused;
    l2_start(cr_cr0_write);
    GPR(RBX) = R(GUEST_CR0) & ~CR0_NE;
    want_trap(VECTOR_GP);
    l2_start(cr_cr4_write);
    GPR(R9) = R(GUEST_CR4) & ~CR4_VMXE;
    want_trap(VECTOR_GP);
    // Masked with the shadow saying otherwise: an exit, no #GP.
    W(CR0_GUEST_HOST_MASK, CR0_NE);
    W(CR0_READ_SHADOW, CR0_NE);
    l2_start(cr_cr0_write);
    want_exit_with(EXIT_CR_ACCESS, TO(0, RBX));
    // Reserved bits are #GP before anything else.
    l2_start(cr_cr4_write);
    GPR(R9) = R(GUEST_CR4) | 1ull << 31;
    want_trap(VECTOR_GP);
}

static void cr4_shadow(uint64_t unused)
{
    (void)unused;
    const uint64_t real = R(GUEST_CR4);
    W(CR4_GUEST_HOST_MASK, CR4_VMXE | CR4_DE);
    W(CR4_READ_SHADOW, CR4_DE);
    l2_start(cr_cr4_read);
    want_end();
    expect("CR4 in L2", GPR(RAX), (real & ~(CR4_VMXE | CR4_DE)) | CR4_DE);
    l2_start(cr_cr4_write);
    GPR(R9) = (real & ~(CR4_VMXE | CR4_DE)) | CR4_DE | CR4_TSD;
    want_end();
    expect("CR4", R(GUEST_CR4), real | CR4_TSD);
    l2_start(cr_cr4_write);
    GPR(R9) = real | CR4_VMXE;
    want_exit_with(EXIT_CR_ACCESS, TO(4, R9));
    l2_start(cr_cr4_write);
    GPR(R9) = real & ~(CR4_VMXE | CR4_DE);
    want_exit_with(EXIT_CR_ACCESS, TO(4, R9));
}

static void cr3(uint64_t unused)
{
    (void)unused;
    const uint64_t root = R(GUEST_CR3);
    CLEAR(PROC, CR3_LOAD_EXITING);
    CLEAR(PROC, CR3_STORE_EXITING);
    l2_start(cr_cr3_read);
    want_end();
    expect("CR3 in L2", GPR(R10), root);
    l2_start(cr_cr3_write);
    GPR(RDX) = root | 0x18;
    want_end();
    expect("GUEST_CR3", R(GUEST_CR3), root | 0x18);
    NEED(PROC, CR3_LOAD_EXITING);
    NEED(PROC, CR3_STORE_EXITING);
    l2_start(cr_cr3_read);
    want_exit_with(EXIT_CR_ACCESS, FROM(3, R10));
    l2_start(cr_cr3_write);
    want_exit_with(EXIT_CR_ACCESS, TO(3, RDX));
}

// As many targets as counted are loaded without an exit.
static void cr3_targets(uint64_t unused)
{
    (void)unused;
    const uint64_t root = R(GUEST_CR3), most = msr_read(MSR_VMX_MISC) >> 16 & 0x1ff;
    NEED(PROC, CR3_LOAD_EXITING);
    static const enum vmcs_field targets[] = { VMCS_CR3_TARGET0, VMCS_CR3_TARGET1, VMCS_CR3_TARGET2, VMCS_CR3_TARGET3 };
    for (unsigned i = 0; i < 4; i++)
        vmcs_write(targets[i], root | (i & 1 ? 8 : 0) | (i & 2 ? 16 : 0));
    for (unsigned count = 0; count <= most && count <= 4; count++) {
        W(CR3_TARGET_COUNT, count);
        for (unsigned i = 0; i < 4; i++) {
            l2_start(cr_cr3_write);
            GPR(RDX) = root | (i & 1 ? 8 : 0) | (i & 2 ? 16 : 0);
            if (i < count)
                want_end();
            else
                want_exit_with(EXIT_CR_ACCESS, TO(3, RDX));
        }
    }
}

static void cr8(uint64_t unused)
{
    (void)unused;
    NEED(PROC, CR8_LOAD_EXITING);
    NEED(PROC, CR8_STORE_EXITING);
    l2_start(cr_cr8_read);
    want_exit_with(EXIT_CR_ACCESS, FROM(8, R12));
    l2_start(cr_cr8_write);
    want_exit_with(EXIT_CR_ACCESS, TO(8, RBP));
    // Without: the real register, which L1 shares.
    CLEAR(PROC, CR8_LOAD_EXITING);
    CLEAR(PROC, CR8_STORE_EXITING);
    l2_start(cr_cr8_write);
    GPR(RBP) = 5;
    want_end();
    const uint64_t seen = cr8_read();
    cr8_write(0);
    expect("CR8 in L1", seen, 5);
    l2_start(cr_cr8_read);
    GPR(R12) = 99;
    want_end();
    expect("CR8 in L2", GPR(R12), 0);
}

// What an exit saves and what it loads: both sides keep their own.
static void switched(uint64_t unused)
{
    (void)unused;
    W(HOST_FS_BASE, 0x123000);
    W(GUEST_FS_BASE, 0x456000);
    W(HOST_SYSENTER_EIP, 0x1111);
    W(GUEST_SYSENTER_EIP, 0x2222);
    W(HOST_SYSENTER_CS, 0x10);
    W(GUEST_DR7, 0x455);
    l2_start(cr_cr0_read);
    want_end();
    expect("FS base of L1", msr_read(MSR_FS_BASE), 0x123000);
    expect("SYSENTER_EIP of L1", msr_read(MSR_SYSENTER_EIP), 0x1111);
    expect("SYSENTER_CS of L1", msr_read(MSR_SYSENTER_CS), 0x10);
    expect("FS base of L2", R(GUEST_FS_BASE), 0x456000);
    expect("SYSENTER_EIP of L2", R(GUEST_SYSENTER_EIP), 0x2222);
    expect("DR7 in L1", dr7_read(), 0x400);
    expect("RFLAGS.IF in L1", rflags_read() & FLAG_IF, 0);
    expect("GDTR limit in L1", gdt_limit(), 0xffff);
}

static void efer_and_pat(uint64_t unused)
{
    (void)unused;
    const uint64_t efer = msr_read(MSR_EFER), pat = msr_read(MSR_PAT);
    NEED(ENTRY, LOAD_GUEST_EFER);
    NEED(ENTRY, LOAD_GUEST_PAT);
    NEED(EXIT, LOAD_EFER);
    NEED(EXIT, LOAD_PAT);
    NEED(EXIT, SAVE_EFER);
    NEED(EXIT, SAVE_PAT);
    W(GUEST_EFER, efer ^ EFER_SCE);
    W(GUEST_PAT, 0x0605040007060100 & 0x0707070707070707);
    W(HOST_EFER, efer);
    W(HOST_PAT, 0x0007040600070406);
    l2_start(cr_cr0_read);
    want_end();
    const uint64_t seen = msr_read(MSR_PAT);
    msr_write(MSR_PAT, pat);
    expect("PAT of L1", seen, 0x0007040600070406);
    expect("EFER of L1", msr_read(MSR_EFER), efer);
    expect("saved EFER", R(GUEST_EFER), efer ^ EFER_SCE);
    expect("saved PAT", R(GUEST_PAT), 0x0605040007060100 & 0x0707070707070707);
    // Without loading at the exit L1 keeps what L2 had.
    CLEAR(EXIT, LOAD_PAT);
    W(GUEST_PAT, 0x0606060606060606);
    l2_start(cr_cr0_read);
    want_end();
    const uint64_t kept = msr_read(MSR_PAT);
    msr_write(MSR_PAT, pat);
    expect("PAT that stays", kept, 0x0606060606060606);
}

void cr_tests(void)
{
    TEST(cr0_shadow);
    TEST(cr0_masked_write);
    TEST(clts);
    TEST(lmsw);
    TEST(fixed_bits);
    TEST(cr4_shadow);
    TEST(cr3);
    TEST(cr3_targets);
    TEST(cr8);
    TEST(switched);
    TEST(efer_and_pat);
}
