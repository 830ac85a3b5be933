// SPDX-License-Identifier: BSD-2-Clause
// The end of virtual interrupts: EOI virtualisation, the EOI-exit bitmap, self-IPIs, APIC-write exits (SDM 3C 30.1.4 "EOI Virtualization", 30.1.5 "Self-IPI
// Virtualization", 30.4.3 "Emulating Writes to Virtual-APIC Registers", 30.5 "Virtualizing MSR-Based APIC Accesses").

#include "cpu_insn.h"
#include "ept12.h"
#include "l2.h"
#include "x86.h"

void eoi_tests(void);

// Each of them is followed by the NOPs before which a virtual interrupt comes.
#define NOPS "\n\t.fill 8, 1, 0x90"
L2(eoi_ud, "ud2");
L2(eoi_nops, ".fill 8, 1, 0x90");
L2(eoi_by_page, "mov %eax, (%rsi)" NOPS);
L2(eoi_by_msr, "wrmsr" NOPS);

#define PAGE_BYTES_OF_WRITE 2  // of both instructions
#define VIRR 0x200
#define VISR 0x100
#define VPPR 0xa0
#define VEOI 0xb0
#define VICR 0x300
#define VICR_HIGH 0x310
#define VPAGE (this_cpu()->page_b)
#define SELF_IPI 0x3f0  // in x2APIC mode only

enum way { BY_PAGE, BY_MSR };
static const char *const way_names[] = { "page", "msr" };

static volatile uint32_t *reg(uint32_t offset) { return (volatile uint32_t *)(void *)((uint8_t *)VPAGE + offset); }
static volatile uint32_t *word(uint32_t array, unsigned vector) { return reg(array + vector / 32 * 0x10); }
static uint32_t bit(unsigned vector) { return 1u << vector % 32; }

// The window's first page is the APIC-access page, L1-physical page C; or MSRs 0x800 on are the virtual APIC's.
static void virtual_apic(enum way way)
{
    NEED(PROC, USE_TPR_SHADOW);
    NEED(PROC2, VIRTUAL_INTERRUPT_DELIVERY);
    NEED(PIN, EXTERNAL_INTERRUPT_EXITING);
    W(VIRTUAL_APIC_ADDR, address(VPAGE));
    W(TPR_THRESHOLD, 0);
    W(GUEST_INTR_STATUS, 0);
    for (unsigned i = 0; i < 4; i++)
        vmcs_write((enum vmcs_field)(VMCS_EOI_EXIT_BITMAP0 + i), 0);
    if (way == BY_PAGE) {
        NEED(PROC2, ENABLE_EPT);
        NEED(PROC2, VIRTUALIZE_APIC_ACCESSES);
        W(APIC_ACCESS_ADDR, address(this_cpu()->page_c));
        ept12_map(0, address(this_cpu()->page_c) | EPT_WB | EPT_ALL);
    } else {
        NEED(PROC2, VIRTUALIZE_X2APIC);
        NEED(PROC, USE_MSR_BITMAPS);
        W(MSR_BITMAP, address(this_cpu()->page_a));
    }
    // The emulator gives an exit in the delivery of a virtual interrupt another one's vectoring information (docs/emulators.md): there must be none, whatever L0 maps on demand.
    l2_start(eoi_ud);
    want_trap(VECTOR_UD);
    this_cpu()->l2_trap.vector = NO_VECTOR;
}

static void pend(unsigned vector)
{
    *word(VIRR, vector) |= bit(vector);
    W(GUEST_INTR_STATUS, (R(GUEST_INTR_STATUS) & 0xff00) | vector);
}

// It is delivered, and L2's handler left where it is.
static void take(unsigned vector)
{
    l2_start(eoi_nops);
    W(GUEST_RFLAGS, FLAG_FIXED | FLAG_IF);
    want_trap(vector);
    expect("SVI", R(GUEST_INTR_STATUS) >> 8, vector);
    expect("VISR", *word(VISR, vector) & bit(vector), bit(vector));
}

static const char *start_write(enum way way, uint32_t offset, uint32_t value)
{
    const char *code = way == BY_PAGE ? eoi_by_page : eoi_by_msr;
    l2_start(code);
    W(GUEST_RFLAGS, FLAG_FIXED | FLAG_IF);
    GPR(RAX) = value;
    GPR(RDX) = 0;
    GPR(RSI) = WINDOW_LINEAR + offset;
    GPR(RCX) = 0x800 + offset / 0x10;
    return code;
}

// Trap-like: behind the instruction.
static void want_exit_behind(const char *code, uint32_t reason, uint64_t qualification)
{
    want_exit_with(reason, qualification);
    expect("GUEST_RIP", R(GUEST_RIP), address(code) + PAGE_BYTES_OF_WRITE);
}

static void want_ended(unsigned vector)
{
    expect("RVI, SVI", R(GUEST_INTR_STATUS), 0);
    expect("VISR", *word(VISR, vector), 0);
    expect("VPPR", *reg(VPPR), 0);
    expect("VEOI", *reg(VEOI), 0);
}

static void ends(uint64_t way)
{
    virtual_apic((enum way)way);
    pend(0x51);
    take(0x51);
    (void)start_write((enum way)way, VEOI, 0);
    want_end();
    want_ended(0x51);
}

// A vector of each of the bitmap's words: its own bit makes it exit, all others don't.
static void exit_bitmap(uint64_t way)
{
    static const unsigned vectors[] = { 0x1f, 0x3f, 0x40, 0x51, 0x80, 0xbf, 0xc0, 0xff };
    virtual_apic((enum way)way);
    for (unsigned i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        const unsigned vector = vectors[i];
        for (unsigned others = 0; others < 2; others++) {
            for (unsigned n = 0; n < 4; n++) {
                const uint64_t own = n == vector / 64 ? 1ull << vector % 64 : 0;
                vmcs_write((enum vmcs_field)(VMCS_EOI_EXIT_BITMAP0 + n), others ? ~own : own);
            }
            pend(vector);
            take(vector);
            const char *code = start_write((enum way)way, VEOI, 0);
            if (others)
                want_end();
            else
                want_exit_behind(code, EXIT_VIRTUALIZED_EOI, vector);
            want_ended(vector);
        }
    }
}

// In service are two: the end of one leaves the other, and the bitmap is asked for the one that ends.
static void in_service_below(uint64_t way)
{
    virtual_apic((enum way)way);
    W(EOI_EXIT_BITMAP1, 1ull << (0x51 - 64));
    pend(0x51);
    take(0x51);
    pend(0x91);
    take(0x91);
    (void)start_write((enum way)way, VEOI, 0);
    want_end();
    expect("RVI, SVI", R(GUEST_INTR_STATUS), 0x5100);
    expect("VPPR", *reg(VPPR), 0x50);
    const char *code = start_write((enum way)way, VEOI, 0);
    want_exit_behind(code, EXIT_VIRTUALIZED_EOI, 0x51);
    want_ended(0x51);
}

// What waits with a lower priority is delivered behind the EOI; with an exit there, by the entry after that.
static void lower_one_follows(uint64_t way)
{
    virtual_apic((enum way)way);
    for (unsigned exit = 0; exit < 2; exit++) {
        W(EOI_EXIT_BITMAP1, exit ? 1ull << (0x51 - 64) : 0);
        pend(0x51);
        take(0x51);
        pend(0x42);
        const char *code = start_write((enum way)way, VEOI, 0);
        if (exit)
            want_exit_behind(code, EXIT_VIRTUALIZED_EOI, 0x51);
        want_trap(0x42);
        expect("where it came", this_cpu()->l2_trap.rip, address(code) + PAGE_BYTES_OF_WRITE);
        expect("RVI, SVI", R(GUEST_INTR_STATUS), 0x4200);
        (void)start_write((enum way)way, VEOI, 0);
        want_end();
    }
}

// A self-IPI pends without an exit, by the register that is for it or by the command register's shorthand.
static void self_ipi(uint64_t way)
{
    virtual_apic((enum way)way);
    const char *code = way == BY_MSR ? start_write(BY_MSR, SELF_IPI, 0x62) : start_write(BY_PAGE, VICR, 1u << 18 | 1u << 14 | 0x62);
    want_trap(0x62);
    expect("where it came", this_cpu()->l2_trap.rip, address(code) + PAGE_BYTES_OF_WRITE);
    expect("RVI, SVI", R(GUEST_INTR_STATUS), 0x6200);
    expect("VIRR", *word(VIRR, 0x62), 0);
}

// Commands to others are APIC-write exits, with what was written in the page.
static void other_commands(uint64_t unused)
{
    (void)unused;
    static const uint32_t commands[] = { 1u << 14 | 0x62, 3u << 18 | 1u << 14 | 0x62, 1u << 18 | 4u << 8 | 1u << 14, 1u << 18 | 1u << 14 | 0x0f };
    virtual_apic(BY_PAGE);
    for (unsigned i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        const char *code = start_write(BY_PAGE, VICR, commands[i]);
        want_exit_behind(code, EXIT_APIC_WRITE, VICR);
        expect("VICR", *reg(VICR), commands[i]);
        expect("RVI, SVI", R(GUEST_INTR_STATUS), 0);
    }
}

// Without virtual-interrupt delivery the register alone is virtual: each EOI exits behind the write.
static void registers_alone(uint64_t unused)
{
    (void)unused;
    virtual_apic(BY_PAGE);
    CLEAR(PROC2, VIRTUAL_INTERRUPT_DELIVERY);
    NEED(PROC2, APIC_REGISTER_VIRT);
    const char *code = start_write(BY_PAGE, VEOI, 0);
    want_exit_behind(code, EXIT_APIC_WRITE, VEOI);
}

// A write that L1's MSR bitmap intercepts is WRMSR's exit, and nothing ends.
static void intercepted(uint64_t unused)
{
    (void)unused;
    virtual_apic(BY_MSR);
    ((uint8_t *)this_cpu()->page_a)[0x800 + 0x80b / 8] = 1 << (0x80b & 7);
    pend(0x51);
    take(0x51);
    const char *code = start_write(BY_MSR, VEOI, 0);
    want_exit(EXIT_WRMSR);
    expect("GUEST_RIP", R(GUEST_RIP), address(code));
    expect("SVI", R(GUEST_INTR_STATUS), 0x5100);
}

void eoi_tests(void)
{
    static const struct { const char *name; void (*what)(uint64_t); } tests[] = {
        { "ends", ends }, { "exit_bitmap", exit_bitmap }, { "in_service_below", in_service_below }, { "lower_one_follows", lower_one_follows },
        { "self_ipi", self_ipi },
    };
    for (unsigned i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        for (enum way way = BY_PAGE; way <= BY_MSR; way++)
            test_row(tests[i].name, way_names[way], tests[i].what, way);
    }
    TEST(other_commands);
    TEST(registers_alone);
    TEST(intercepted);
}
