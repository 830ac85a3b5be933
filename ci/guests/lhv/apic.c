// SPDX-License-Identifier: BSD-2-Clause
// The virtual local APIC: TPR shadow and threshold, APIC accesses, x2APIC, register virtualisation, virtual interrupts (SDM 3C 30).

#include "cpu_insn.h"
#include "ept12.h"
#include "l2.h"
#include "lapic.h"
#include "x86.h"

void apic_tests(void);

L2(apic_cr8_write, "mov %rbx, %cr8");
L2(apic_cr8_read, "mov %cr8, %rax");
L2(apic_read, "mov (%rsi), %eax");
L2(apic_write, "mov %eax, (%rsi)");
L2(apic_fetch, "call *%rsi");
L2(apic_x2_read, "mov $0x808, %ecx\n\trdmsr");
L2(apic_x2_write, "mov $0x808, %ecx\n\txor %edx, %edx\n\twrmsr");
L2(apic_nops, ".fill 16, 1, 0x90");
L2(apic_ud, "ud2");

#define VTPR 0x80
#define VPAGE (this_cpu()->page_b)

static volatile uint32_t *reg(uint32_t offset) { return (volatile uint32_t *)(void *)((uint8_t *)VPAGE + offset); }

static void tpr_shadow(void)
{
    NEED(PROC, USE_TPR_SHADOW);
    W(VIRTUAL_APIC_ADDR, address(VPAGE));
    W(TPR_THRESHOLD, 0);
}

static void shadow(uint64_t unused)
{
    (void)unused;
    tpr_shadow();
    *reg(VTPR) = 0x70;
    l2_start(apic_cr8_read);
    want_end();
    expect("CR8 in L2", GPR(RAX), 7);
    l2_start(apic_cr8_write);
    GPR(RBX) = 0xa;
    want_end();
    expect("VTPR", *reg(VTPR), 0xa0);
    expect("CR8 in L1", cr8_read(), 0);
}

// A write that leaves VTPR below the threshold exits, behind the instruction.
static void threshold(uint64_t unused)
{
    (void)unused;
    tpr_shadow();
    *reg(VTPR) = 0x90;
    W(TPR_THRESHOLD, 5);
    l2_start(apic_cr8_write);
    GPR(RBX) = 5;
    want_end();
    l2_start(apic_cr8_write);
    GPR(RBX) = 4;
    want_exit(EXIT_TPR_THRESHOLD);
    expect("GUEST_RIP", R(GUEST_RIP), address(apic_cr8_write) + 4);
    expect("VTPR", *reg(VTPR), 0x40);
}

static void cr8_exiting_wins(uint64_t unused)
{
    (void)unused;
    tpr_shadow();
    NEED(PROC, CR8_LOAD_EXITING);
    l2_start(apic_cr8_write);
    GPR(RBX) = 3;
    want_exit_with(EXIT_CR_ACCESS, 8 | RBX << 8);
    expect("VTPR", *reg(VTPR), 0);
}

// The window's first page stands for the APIC-access page: L1-physical page C.
static void access_page(void)
{
    NEED(PROC2, ENABLE_EPT);
    NEED(PROC2, VIRTUALIZE_APIC_ACCESSES);
    W(APIC_ACCESS_ADDR, address(this_cpu()->page_c));
    ept12_map(0, address(this_cpu()->page_c) | EPT_WB | EPT_ALL);
}

// Qualification: offset, and 0 read, 1 write, 2 fetch (SDM 3C table 28-6).
static void accesses(uint64_t unused)
{
    (void)unused;
    access_page();
    static const uint32_t offsets[] = { 0x20, 0x80, 0x300, 0xff0, 0 };
    for (unsigned i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
        GPR(RSI) = WINDOW_LINEAR + offsets[i];
        l2_start(apic_read);
        want_exit(EXIT_APIC_ACCESS);
        expect("qualification of a read", R(EXIT_QUALIFICATION) & 0xffff, offsets[i]);
        l2_start(apic_write);
        want_exit(EXIT_APIC_ACCESS);
        expect("qualification of a write", R(EXIT_QUALIFICATION) & 0xffff, offsets[i] | 1 << 12);
    }
}

static void access_fetch(uint64_t unused)
{
    (void)unused;
    test_emulator("emulator: a fetch from the APIC-access page ends the run");
    access_page();
    l2_start(apic_fetch);
    GPR(RSI) = WINDOW_LINEAR;
    want_exit(EXIT_APIC_ACCESS);
    expect("qualification of a fetch", R(EXIT_QUALIFICATION) & 0xf000, 2 << 12);
}

// With the TPR shadow the TPR's place reads and writes VTPR.
static void access_tpr(uint64_t unused)
{
    (void)unused;
    access_page();
    tpr_shadow();
    *reg(VTPR) = 0x30;
    l2_start(apic_read);
    GPR(RSI) = WINDOW_LINEAR + VTPR;
    want_end();
    expect("TPR in L2", GPR(RAX), 0x30);
    l2_start(apic_write);
    GPR(RAX) = 0x50;
    want_end();
    expect("VTPR", *reg(VTPR), 0x50);
    l2_start(apic_read);
    GPR(RSI) = WINDOW_LINEAR + 0x20;
    want_exit(EXIT_APIC_ACCESS);
}

static void access_page_of_another_vmcs(uint64_t unused)
{
    (void)unused;
    struct cpu *c = this_cpu();
    access_page();
    vmcs_use(c, 1);
    NEED(PROC2, ENABLE_EPT);
    c->page_c[4] = 0x1234;
    l2_start(apic_read);
    GPR(RSI) = WINDOW_LINEAR + 0x20;
    want_end();
    expect("plain memory there", GPR(RAX), 0x1234);
}

// APIC-register virtualisation: reads come from the page, writes exit behind the instruction.
static void registers(uint64_t unused)
{
    (void)unused;
    tpr_shadow();
    access_page();
    NEED(PROC2, APIC_REGISTER_VIRT);
    *reg(0x20) = 0x07000000;
    *reg(0xd0) = 0x11000000;
    l2_start(apic_read);
    GPR(RSI) = WINDOW_LINEAR + 0x20;
    want_end();
    expect("ID", GPR(RAX), 0x07000000);
    l2_start(apic_write);
    GPR(RSI) = WINDOW_LINEAR + 0xd0;
    GPR(RAX) = 0x22000000;
    want_exit_with(EXIT_APIC_WRITE, 0xd0);
    expect("LDR in the page", *reg(0xd0), 0x22000000);
    expect("GUEST_RIP", R(GUEST_RIP), address(apic_write) + 2);
    l2_start(apic_write);
    GPR(RSI) = WINDOW_LINEAR + 0x20;  // the ID is virtualised for writes as well, the version isn't
    want_exit(EXIT_APIC_WRITE);
    l2_start(apic_write);
    GPR(RSI) = WINDOW_LINEAR + 0x30;
    want_exit(EXIT_APIC_ACCESS);
}

static void x2apic(uint64_t unused)
{
    (void)unused;
    tpr_shadow();
    NEED(PROC2, VIRTUALIZE_X2APIC);
    NEED(PROC, USE_MSR_BITMAPS);
    W(MSR_BITMAP, address(this_cpu()->page_a));
    *reg(VTPR) = 0x60;
    l2_start(apic_x2_read);
    want_end();
    expect("TPR in L2", GPR(RAX), 0x60);
    l2_start(apic_x2_write);
    GPR(RAX) = 0x20;
    want_end();
    expect("VTPR", *reg(VTPR), 0x20);
    CLEAR(PROC, USE_MSR_BITMAPS);
    l2_start(apic_x2_read);
    want_exit(EXIT_RDMSR);
}

static void virtual_interrupt_pends(void)
{
    // Of an exit in the delivery of a virtual interrupt the emulator tells the event before (docs/emulators.md). Now that is this one, and what a delivery
    // touches is there, so that L0 has no such exit.
    l2_start(apic_ud);
    want_trap(VECTOR_UD);
    tpr_shadow();
    NEED(PROC2, VIRTUAL_INTERRUPT_DELIVERY);
    NEED(PIN, EXTERNAL_INTERRUPT_EXITING);
    *reg(0x200 + 0x51 / 32 * 0x10) = 1u << 0x51 % 32;  // VIRR
    W(GUEST_INTR_STATUS, 0x51);
}

// Virtual-interrupt delivery: RVI above VPPR is delivered at entry, and SVI says so.
static void virtual_interrupt(uint64_t unused)
{
    (void)unused;
    virtual_interrupt_pends();
    l2_start(apic_nops);
    W(GUEST_RFLAGS, FLAG_FIXED | FLAG_IF);
    want_trap(0x51);
    expect("RVI, SVI", R(GUEST_INTR_STATUS), 0x5100);
    expect("VIRR", *reg(0x200 + 0x51 / 32 * 0x10), 0);
    expect("VISR", *reg(0x100 + 0x51 / 32 * 0x10), 1u << 0x51 % 32);
    expect("VPPR", *reg(0xa0), 0x50);
}

// Masked by VTPR; and by IF.
static void virtual_interrupt_masked(uint64_t unused)
{
    (void)unused;
    virtual_interrupt_pends();
    *reg(VTPR) = 0x60;
    l2_start(apic_nops);
    W(GUEST_RFLAGS, FLAG_FIXED | FLAG_IF);
    want_end();
    expect("RVI", R(GUEST_INTR_STATUS), 0x51);
    l2_start(apic_cr8_write);
    GPR(RBX) = 4;
    want_trap(0x51);
    expect("RVI, SVI", R(GUEST_INTR_STATUS), 0x5100);
}

// Not masked by IF is the exit of an external interrupt: the virtual one that IF does mask keeps pending.
static void virtual_interrupt_and_external(uint64_t unused)
{
    (void)unused;
    virtual_interrupt_pends();
    lapic_send(this_cpu()->apic_id, ICR_FIXED | 0x61);
    l2_start(apic_nops);
    l2_run();
    interrupts_on_once();
    expect("exit reason", this_cpu()->exit.reason, EXIT_EXTERNAL_INTERRUPT);
    expect("GUEST_RIP", R(GUEST_RIP), address(apic_nops));
    expect("RVI, SVI", R(GUEST_INTR_STATUS), 0x51);
    expect("VIRR", *reg(0x200 + 0x51 / 32 * 0x10), 1u << 0x51 % 32);
    expect("delivered to L1", this_cpu()->interrupt.vector, 0x61);
    W(GUEST_RFLAGS, FLAG_FIXED | FLAG_IF);
    want_trap(0x51);
    expect("RVI, SVI: then", R(GUEST_INTR_STATUS), 0x5100);
}

// An exit in its delivery, here for want of L2's stack: it is in service by then (SDM 3C 30.2.2 "Virtual-Interrupt Delivery").
static void virtual_interrupt_cut_short(void)
{
    NEED(PROC2, ENABLE_EPT);
    virtual_interrupt_pends();
    l2_start(apic_nops);
    W(GUEST_RFLAGS, FLAG_FIXED | FLAG_IF);
    W(GUEST_RSP, WINDOW_LINEAR + 0x1000);
    want_exit(EXIT_EPT_VIOLATION);
    expect("guest-linear address", R(GUEST_LINEAR_ADDR), WINDOW_LINEAR + 0xff8);
}

static void virtual_interrupt_in_service(uint64_t unused)
{
    (void)unused;
    virtual_interrupt_cut_short();
    expect("GUEST_RIP", R(GUEST_RIP), address(apic_nops));
    expect("RVI, SVI", R(GUEST_INTR_STATUS), 0x5100);
    expect("VIRR", *reg(0x200 + 0x51 / 32 * 0x10), 0);
    expect("VISR", *reg(0x100 + 0x51 / 32 * 0x10), 1u << 0x51 % 32);
    expect("VPPR", *reg(0xa0), 0x50);
    // L1 injects it, and it changes none of that.
    ept12_map(0, address(this_cpu()->page_c) | EPT_WB | EPT_ALL);
    W(ENTRY_INTR_INFO, EVENT_VALID | EVENT_EXTERNAL | 0x51);
    want_trap(0x51);
    expect("RVI, SVI: then", R(GUEST_INTR_STATUS), 0x5100);
}

// As any other interrupt (SDM 3C 28.2.4 "Information for VM Exits During Event Delivery").
static void virtual_interrupt_vectoring(uint64_t unused)
{
    (void)unused;
    virtual_interrupt_cut_short();
    expect("IDT-vectoring information is of it", R(IDT_VECTORING_INFO) == (EVENT_VALID | EVENT_EXTERNAL | 0x51), true);
}

void apic_tests(void)
{
    TEST(shadow);
    TEST(threshold);
    TEST(cr8_exiting_wins);
    TEST(accesses);
    TEST(access_fetch);
    TEST(access_tpr);
    TEST(access_page_of_another_vmcs);
    TEST(registers);
    TEST(x2apic);
    TEST(virtual_interrupt);
    TEST(virtual_interrupt_masked);
    TEST(virtual_interrupt_and_external);
    TEST(virtual_interrupt_in_service);
    TEST(virtual_interrupt_vectoring);
}
