// SPDX-License-Identifier: BSD-2-Clause
// L2 in other modes than 64-bit: real mode, 16-bit and 32-bit protected mode, compatibility mode, PAE, virtual-8086 mode, privilege level 3.

#include "cpu_insn.h"
#include "ept12.h"
#include "l2.h"
#include "x86.h"

void mode_tests(void);

L2_BYTES(mode_real, ".code16\n\tmov $0x1234, %ax\n\tmov %cs, %bx\n\tcpuid\n\tvmcall\n\thlt");
L2_BYTES(mode_real_int, ".code16\n\tint $0x21\n\tmov $0x77, %cl\n\tvmcall\n\tmov $0x99, %dl\n\tiret");  // the handler, behind VMCALL at 7, is the MOV to DL
L2_BYTES(mode_32, ".code32\n\tmov $0x12345678, %eax\n\tpushl %eax\n\tpopl %ebx\n\tinc %ebx\n\tvmcall\n\thlt");
L2_BYTES(mode_paging, ".code32\n\tmov %cr0, %eax\n\tbtr $31, %eax\n\tmov %eax, %cr0\n\tmov (%esi), %ebx\n\tbts $31, %eax\n\tmov %eax, %cr0\n\tmov (%esi), %ecx\n\tvmcall");
L2_BYTES(mode_pae, ".code32\n\tmov (%esi), %ebx\n\tmov %edx, %cr3\n\tmov (%esi), %ecx\n\tvmcall");
L2_BYTES(mode_pae_paging, ".code32\n\tmov %cr0, %eax\n\tbtr $31, %eax\n\tmov %eax, %cr0\n\tbts $31, %eax\n\tmov %eax, %cr0\n\tmov (%esi), %ecx\n\tvmcall");
L2(mode_user, "mov %cs, %eax");
L2(mode_user_hlt, "hlt");
L2(mode_user_syscall, "int $0x80");

static void unrestricted(void)
{
    NEED(PROC2, ENABLE_EPT);
    NEED(PROC2, UNRESTRICTED_GUEST);
}

static void real(uint64_t unused)
{
    (void)unused;
    unrestricted();
    const uint64_t at = l2_low(mode_real, mode_real_end);
    l2_real(at);
    want_exit(EXIT_CPUID);
    expect("AX", GPR(RAX) & 0xffff, 0x1234);
    expect("BX = CS", GPR(RBX) & 0xffff, at >> 4);
    expect("GUEST_RIP", R(GUEST_RIP), 5);
    expect("GUEST_CR0", R(GUEST_CR0) & (CR0_PE | CR0_PG), 0);
    expect("IA-32e mode guest", R(ENTRY_CONTROLS) & ENTRY_GUEST_IA32E, 0);
    l2_skip();
    want_exit(EXIT_VMCALL);
}

static void real_interrupt(uint64_t inject)
{
    unrestricted();
    const uint64_t at = l2_low(mode_real_int, mode_real_int_end);
    uint32_t *ivt = (uint32_t *)(uintptr_t)(at + 0x1000);
    for (unsigned i = 0; i < 256; i++)
        ivt[i] = (uint32_t)(at >> 4) << 16 | 7;
    l2_real(at);
    GPR(RDX) = GPR(RCX) = 0;
    if (inject) {
        W(ENTRY_INTR_INFO, EVENT_VALID | EVENT_SOFTWARE | 0x21);
        W(ENTRY_INSTRUCTION_LENGTH, 2);
    }
    want_exit(EXIT_VMCALL);
    expect("the handler ran", GPR(RDX) & 0xff, 0x99);
    expect("and returned", GPR(RCX) & 0xff, 0x77);
    expect("RSP", R(GUEST_RSP), 0x1ff0);
}

// In real mode no error code may be injected (SDM 3C 27.2.1.3).
static void real_no_error_code(uint64_t unused)
{
    (void)unused;
    unrestricted();
    l2_real(l2_low(mode_real, mode_real_end));
    W(ENTRY_INTR_INFO, EVENT_VALID | EVENT_HARDWARE | EVENT_ERROR | VECTOR_GP);
    want_vmfail(ERROR_ENTRY_CONTROLS);
    W(ENTRY_INTR_INFO, 0);
    want_exit(EXIT_CPUID);
}

static void unpaged_32(uint64_t unused)
{
    (void)unused;
    unrestricted();
    l2_low(mode_32, mode_32_end);
    l2_protected_32();
    W(GUEST_CR0, R(GUEST_CR0) & ~CR0_PG);
    W(GUEST_CR4, R(GUEST_CR4) & ~CR4_PAE);
    want_exit(EXIT_VMCALL);
    expect("EBX", GPR(RBX) & 0xffffffff, 0x12345679);
}

static void compatibility(uint64_t unused)
{
    (void)unused;
    l2_low(mode_32, mode_32_end);
    l2_segment(SEGMENT_CS, SELECTOR_CODE32, 0, 0xffffffff, RIGHTS_CODE32);
    W(GUEST_RSP, address(this_cpu()->low) + 0x1ff0);
    W(GUEST_RIP, address(this_cpu()->low));
    want_exit(EXIT_VMCALL);
    expect("EBX", GPR(RBX) & 0xffffffff, 0x12345679);
    expect("CS", R(GUEST_CS_SELECTOR), SELECTOR_CODE32);
}

// 32-bit paging with 4 MiB pages.
static void identity_4m(uint32_t *directory)
{
    for (uint32_t i = 0; i < 1024; i++)
        directory[i] = i << 22 | 0x87;
}

static void paged_32(uint64_t unused)
{
    (void)unused;
    l2_low(mode_32, mode_32_end);
    l2_protected_32();
    identity_4m((uint32_t *)(void *)this_cpu()->page_a);
    W(GUEST_CR3, address(this_cpu()->page_a));
    W(GUEST_CR4, (R(GUEST_CR4) & ~CR4_PAE) | 1 << 4);  // PSE
    want_exit(EXIT_VMCALL);
    expect("EBX", GPR(RBX) & 0xffffffff, 0x12345679);
}

// L2 turns paging off and on again.
static void toggled_paging(uint64_t unused)
{
    (void)unused;
    unrestricted();
    l2_low(mode_paging, mode_paging_end);
    l2_protected_32();
    identity_4m((uint32_t *)(void *)this_cpu()->page_a);
    this_cpu()->data[0] = 0x5555;
    W(GUEST_CR3, address(this_cpu()->page_a));
    W(GUEST_CR4, (R(GUEST_CR4) & ~CR4_PAE) | 1 << 4);
    GPR(RSI) = address(this_cpu()->data);
    want_exit(EXIT_VMCALL);
    expect("without paging", GPR(RBX) & 0xffffffff, 0x5555);
    expect("with paging", GPR(RCX) & 0xffffffff, 0x5555);
    expect("CR0.PG", R(GUEST_CR0) & CR0_PG, CR0_PG);
}

// Page-directory pointers of L2 in page A: the identity's, which L1's page tables have.
static void pae_tables(void)
{
    const uint64_t *gigabytes = (const uint64_t *)(uintptr_t)(this_cpu()->page_root[0] & 0xffffffffff000);
    for (unsigned i = 0; i < 4; i++) {
        this_cpu()->page_a[i] = (gigabytes[i] & 0xffffffffff000) | 1;
        this_cpu()->page_b[i] = this_cpu()->page_a[i];
    }
}

static void pae_prepare(void)
{
    l2_low(mode_pae, mode_pae_end);
    l2_protected_32();
    pae_tables();
    W(GUEST_CR3, address(this_cpu()->page_a));
    CLEAR(PROC, CR3_LOAD_EXITING);
    this_cpu()->data[0] = 0x4321;
    GPR(RSI) = address(this_cpu()->data);
    GPR(RDX) = address(this_cpu()->page_b);
}

// With EPT the PDPTEs come from the VMCS, and MOV to CR3 loads them from memory; exits save them (SDM 3C 27.3.2.4, 28.3.4).
static void pae_with_ept(uint64_t unused)
{
    (void)unused;
    NEED(PROC2, ENABLE_EPT);
    pae_prepare();
    for (unsigned i = 0; i < 4; i++) {
        vmcs_write((enum vmcs_field)(VMCS_GUEST_PDPTE0 + i), this_cpu()->page_a[i]);
        this_cpu()->page_a[i] = 0;  // not looked at
    }
    this_cpu()->page_b[3] |= 0x18;
    want_exit(EXIT_VMCALL);
    expect("by the VMCS' PDPTEs", GPR(RBX) & 0xffffffff, 0x4321);
    expect("by memory's", GPR(RCX) & 0xffffffff, 0x4321);
    expect("PDPTE0", R(GUEST_PDPTE0), this_cpu()->page_b[0]);
    expect("PDPTE3", R(GUEST_PDPTE3), this_cpu()->page_b[3]);
    expect("CR3", R(GUEST_CR3), address(this_cpu()->page_b));
}

static void pae_without_ept(uint64_t unused)
{
    (void)unused;
    pae_prepare();
    if (HAS(PROC, SECONDARY_CONTROLS))
        CLEAR(PROC2, ENABLE_EPT);
    want_exit(EXIT_VMCALL);
    expect("by the first table", GPR(RBX) & 0xffffffff, 0x4321);
    expect("by the second", GPR(RCX) & 0xffffffff, 0x4321);
}

// Reserved bits: with EPT in the VMCS, without in memory; exit 33 with qualification 2 (SDM 3C 27.3.1.6).
static void pae_reserved(uint64_t with_ept)
{
    if (with_ept)
        NEED(PROC2, ENABLE_EPT);
    pae_prepare();
    if (!with_ept && HAS(PROC, SECONDARY_CONTROLS))
        CLEAR(PROC2, ENABLE_EPT);
    for (unsigned i = 0; i < 4; i++) {
        if (with_ept)
            vmcs_write((enum vmcs_field)(VMCS_GUEST_PDPTE0 + i), this_cpu()->page_a[i] | (i == 2 ? 2 : 0));
        this_cpu()->page_a[i] |= i == 2 ? 2 : 0;
    }
    want_entry_failure(EXIT_ENTRY_GUEST_STATE, 2);
}

// Page-directory pointers in a page that EPT12 lacks, when MOV to CR3 or CR0 loads them: an EPT violation with no linear address, and nothing has happened yet. The page is
// then there, but not in the shadow: L2 doesn't see that (SDM 3A 4.4.1, 3C 28.2.1).
#define FAR_GIB 2ull  // where there is no memory

static void pae_absent(uint64_t by_cr0)
{
    struct cpu *c = this_cpu();
    uint64_t *gigabytes = (uint64_t *)(uintptr_t)(c->ept_root[0] & 0x000ffffffffff000);
    NEED(PROC2, ENABLE_EPT);
    if (by_cr0)
        unrestricted();
    pae_prepare();
    for (unsigned i = 0; i < 4; i++)
        vmcs_write((enum vmcs_field)(VMCS_GUEST_PDPTE0 + i), c->page_a[i]);
    gigabytes[FAR_GIB] = address(c->ept_regions) | EPT_EVERY;
    ept12_flush();
    GPR(RDX) = FAR_GIB * HUGE_BYTES;
    if (by_cr0) {
        l2_low(mode_pae_paging, mode_pae_paging_end);
        W(GUEST_CR3, FAR_GIB * HUGE_BYTES);
        NEED(ENTRY, LOAD_GUEST_EFER);  // an entry without paging leaves EFER.LME as it was, L1's (SDM 3C 27.3.2.1)
        W(GUEST_EFER, 0);
    }
    const uint64_t cr3 = R(GUEST_CR3);
    want_exit(EXIT_EPT_VIOLATION);
    expect("qualification: a read, nothing allowed, no linear address", R(EXIT_QUALIFICATION) & 0x1bf, 1);
    expect("guest-physical address", R(GUEST_PHYSICAL_ADDR), FAR_GIB * HUGE_BYTES);
    expect("CR3", R(GUEST_CR3), cr3);
    expect("CR0.PG", !!(R(GUEST_CR0) & CR0_PG), !by_cr0);
    ept12_map(0, address(c->page_b) | EPT_WB | EPT_ALL);
    want_exit(EXIT_VMCALL);
    expect("by the page's PDPTEs", GPR(RCX) & 0xffffffff, 0x4321);
    expect("PDPTE3", R(GUEST_PDPTE3), c->page_b[3]);
    expect("CR0.PG afterwards", R(GUEST_CR0) & CR0_PG, CR0_PG);
}

// VMCALL exits at any privilege level; what is privileged is #GP first.
static void privilege_3(uint64_t unused)
{
    (void)unused;
    l2_user();
    l2_start(mode_user);
    want_end();
    expect("CS", GPR(RAX) & 0xffff, SELECTOR_USER_CODE);
    NEED(PROC, HLT_EXITING);
    l2_start(mode_user_hlt);
    W(EXCEPTION_BITMAP, 1u << VECTOR_GP);
    want_exit(EXIT_EXCEPTION_OR_NMI);
    expect("interruption information", R(EXIT_INTR_INFO) & ~(uint64_t)0x1000, EVENT_VALID | EVENT_HARDWARE | EVENT_ERROR | VECTOR_GP);
}

// A software interrupt changes to privilege level 0 by L2's TSS, IRET back.
static void privilege_3_interrupt(uint64_t unused)
{
    (void)unused;
    l2_user();
    l2_start(mode_user_syscall);
    want_trap(0x80);
    expect("CS pushed", this_cpu()->l2_trap.cs, SELECTOR_USER_CODE);
    expect("privilege level", R(GUEST_SS_ACCESS_RIGHTS) >> 5 & 3, 0);
    want_end();
    expect("privilege level after IRET", R(GUEST_SS_ACCESS_RIGHTS) >> 5 & 3, 3);
}

void mode_tests(void)
{
    TEST(real);
    test_row("real_interrupt", "int", real_interrupt, 0);
    test_row("real_interrupt", "injected", real_interrupt, 1);
    TEST(real_no_error_code);
    TEST(unpaged_32);
    TEST(compatibility);
    TEST(paged_32);
    TEST(toggled_paging);
    TEST(pae_with_ept);
    TEST(pae_without_ept);
    test_row("pae_reserved", "memory", pae_reserved, 0);
    test_row("pae_reserved", "vmcs", pae_reserved, 1);
    test_row("pae_absent", "cr3", pae_absent, 0);
    test_row("pae_absent", "cr0", pae_absent, 1);
    TEST(privilege_3);
    TEST(privilege_3_interrupt);
}
