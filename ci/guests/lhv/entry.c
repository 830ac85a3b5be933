// SPDX-License-Identifier: BSD-2-Clause
// VM-entry checks: each with one thing wrong (SDM 3C 27.2, 27.3.1), and what must not be checked.

#include "control.h"
#include "cpu_insn.h"
#include "ept12.h"
#include "l2.h"
#include "vmx.h"

void entry_tests(void);

L2(entry_cpuid, "cpuid");

#define NOT_CANONICAL 0x800000000000ull
#define TOO_WIDE      (1ull << (cpuid(0x80000008).eax & 0xff))
#define PAGE_A        address(this_cpu()->page_a)
#define PAGE_B        address(this_cpu()->page_b)
#define PAGE_C        address(this_cpu()->page_c)

static void event(uint32_t information, uint32_t error, uint32_t length)
{
    W(ENTRY_INTR_INFO, information | EVENT_VALID);
    W(ENTRY_EXCEPTION_ERROR, error);
    W(ENTRY_INSTRUCTION_LENGTH, length);
}

static void ldtr(uint32_t rights)
{
    W(GUEST_LDTR_SELECTOR, 8);
    W(GUEST_LDTR_LIMIT, 0xffff);
    W(GUEST_LDTR_ACCESS_RIGHTS, rights);
}

static void user_segments(void)
{
    W(GUEST_CS_SELECTOR, SELECTOR_USER_CODE);
    W(GUEST_CS_ACCESS_RIGHTS, RIGHTS_CODE64 | RIGHTS_USER);
    W(GUEST_SS_SELECTOR, SELECTOR_USER_DATA);
    W(GUEST_SS_ACCESS_RIGHTS, RIGHTS_DATA | RIGHTS_USER);
    for (unsigned i = 0; i < 6; i++) {
        if (i == 1 || i == 2)
            continue;
        vmcs_write((enum vmcs_field)(VMCS_GUEST_ES_SELECTOR + i), SELECTOR_USER_DATA);
        vmcs_write((enum vmcs_field)(VMCS_GUEST_ES_ACCESS_RIGHTS + i), RIGHTS_DATA | RIGHTS_USER);
    }
}

static void unless(bool has, const char *why)
{
    if (has)
        test_skip(why);
}

// Posted interrupts need much else.
static void posted(void)
{
    NEED(PROC, USE_TPR_SHADOW);
    NEED(PIN, EXTERNAL_INTERRUPT_EXITING);
    NEED(PROC2, VIRTUAL_INTERRUPT_DELIVERY);
    NEED(EXIT, ACK_INTERRUPT);
}

#define BAD(name, how)                              \
    static void control_##name(uint64_t unused)     \
    {                                               \
        (void)unused;                               \
        control_fill_fields();                      \
        l2_start(entry_cpuid);                      \
        how;                                        \
        want_vmfail(ERROR_ENTRY_CONTROLS);          \
    }
#include "bad_control.def"
#undef BAD
#define BAD(name, how)                              \
    static void host_##name(uint64_t unused)        \
    {                                               \
        (void)unused;                               \
        control_fill_fields();                      \
        l2_start(entry_cpuid);                      \
        how;                                        \
        want_vmfail(ERROR_ENTRY_HOST);              \
    }
#include "bad_host.def"
#undef BAD
#define BAD(name, qualification, how)                               \
    static void guest_##name(uint64_t unused)                       \
    {                                                               \
        (void)unused;                                               \
        control_fill_fields();                                      \
        l2_start(entry_cpuid);                                      \
        how;                                                        \
        want_entry_failure(EXIT_ENTRY_GUEST_STATE, qualification);  \
    }
#include "bad_guest.def"
#undef BAD

// What a control that is 0 makes irrelevant may be anything.
static void ignored(uint64_t unused)
{
    (void)unused;
    static const enum vmcs_field fields[] = { VMCS_IO_BITMAP_A, VMCS_IO_BITMAP_B, VMCS_MSR_BITMAP, VMCS_VIRTUAL_APIC_ADDR, VMCS_APIC_ACCESS_ADDR,
        VMCS_TPR_THRESHOLD, VMCS_HOST_PAT, VMCS_HOST_EFER, VMCS_GUEST_PAT, VMCS_GUEST_EFER, VMCS_EXIT_MSR_STORE_ADDR, VMCS_EXIT_MSR_LOAD_ADDR,
        VMCS_ENTRY_MSR_LOAD_ADDR, VMCS_POSTED_INTR_VECTOR, VMCS_PML_ADDR, VMCS_ENTRY_EXCEPTION_ERROR, VMCS_ENTRY_INSTRUCTION_LENGTH,
        VMCS_GUEST_DEBUGCTL, VMCS_GUEST_DR7, VMCS_GUEST_PDPTE0, VMCS_GUEST_PDPTE1, VMCS_GUEST_LDTR_BASE, VMCS_CR3_TARGET0, VMCS_TSC_OFFSET };
    const bool needs_debug = R(ENTRY_CONTROLS) & ENTRY_LOAD_DEBUG_CONTROLS;
    for (unsigned i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        if (vmcs_has(fields[i]) && !(needs_debug && (fields[i] == VMCS_GUEST_DEBUGCTL || fields[i] == VMCS_GUEST_DR7)))
            vmcs_write(fields[i], 0xfffffffffffffff5);
    }
    W(ENTRY_INTR_INFO, 0x7fffffff);
    l2_start(entry_cpuid);
    want_exit(EXIT_CPUID);
}

// Unusable segments' other fields aren't checked (SDM 3C 27.3.1.2); selectors aren't, either.
static void unusable_segments(uint64_t unused)
{
    (void)unused;
    for (unsigned i = 0; i < 6; i++) {
        if (i == VMCS_GUEST_CS_SELECTOR - VMCS_GUEST_ES_SELECTOR || i == VMCS_GUEST_SS_SELECTOR - VMCS_GUEST_ES_SELECTOR || i == 5)
            continue;
        vmcs_write((enum vmcs_field)(VMCS_GUEST_ES_SELECTOR + i), 0);
        vmcs_write((enum vmcs_field)(VMCS_GUEST_ES_LIMIT + i), 0x12345);
        vmcs_write((enum vmcs_field)(VMCS_GUEST_ES_ACCESS_RIGHTS + i), RIGHTS_UNUSABLE | 0x0f);
    }
    l2_start(entry_cpuid);
    want_exit(EXIT_CPUID);
    expect("DS stays unusable", R(GUEST_DS_ACCESS_RIGHTS) & RIGHTS_UNUSABLE, RIGHTS_UNUSABLE);
}

// RIP needn't be canonical: its highest bit as an address may be another than those above it (SDM 3C 27.3.1.4). The fetch from there is L2's own #GP.
static void rip_not_canonical(uint64_t unused)
{
    (void)unused;
    l2_start(entry_cpuid);
    W(EXCEPTION_BITMAP, 1u << VECTOR_GP);
    W(GUEST_RIP, NOT_CANONICAL);
    want_exit(EXIT_EXCEPTION_OR_NMI);
    expect("interruption information", R(EXIT_INTR_INFO), EVENT_VALID | EVENT_HARDWARE | EVENT_ERROR | VECTOR_GP);
    expect("GUEST_RIP", R(GUEST_RIP), NOT_CANONICAL);
}

// What fails first decides: controls before host state before guest state.
static void order(uint64_t unused)
{
    (void)unused;
    l2_start(entry_cpuid);
    W(GUEST_RFLAGS, 0);
    W(HOST_CR3, ~0ull);
    W(CR3_TARGET_COUNT, 0x1ff);
    want_vmfail(ERROR_ENTRY_CONTROLS);
    W(CR3_TARGET_COUNT, 0);
    want_vmfail(ERROR_ENTRY_HOST);
    W(HOST_CR3, cr3_read());
    want_entry_failure(EXIT_ENTRY_GUEST_STATE, 0);
    W(GUEST_RFLAGS, FLAG_FIXED);
    want_exit(EXIT_CPUID);
}

// A failed entry: L1 goes on with its host state, the guest area and most exit information are as they were (SDM 3C 27.8).
static void failure_keeps(uint64_t unused)
{
    (void)unused;
    l2_start(entry_cpuid);
    W(GUEST_RFLAGS, 0);
    W(GUEST_RSP, 0x1234);
    W(GUEST_CR3, 0x5000);
    W(ENTRY_INTR_INFO, EVENT_VALID | EVENT_HARDWARE | VECTOR_UD);
    want_entry_failure(EXIT_ENTRY_GUEST_STATE, 0);
    expect("GUEST_RSP", R(GUEST_RSP), 0x1234);
    expect("GUEST_RIP", R(GUEST_RIP), address(entry_cpuid));
    expect("GUEST_CR3", R(GUEST_CR3), 0x5000);
    expect("GUEST_RFLAGS", R(GUEST_RFLAGS), 0);
    expect("ENTRY_INTR_INFO", R(ENTRY_INTR_INFO), EVENT_VALID | EVENT_HARDWARE | VECTOR_UD);
    expect("RFLAGS in L1 by cr3", cr3_read(), address(this_cpu()->page_root));
}

void entry_tests(void)
{
#define BAD(name, how) test_row("control", #name, control_##name, 0);
#include "bad_control.def"
#undef BAD
#define BAD(name, how) test_row("host", #name, host_##name, 0);
#include "bad_host.def"
#undef BAD
#define BAD(name, qualification, how) test_row("guest", #name, guest_##name, 0);
#include "bad_guest.def"
#undef BAD
    TEST(ignored);
    TEST(unusable_segments);
    TEST(rip_not_canonical);
    TEST(order);
    TEST(failure_keeps);
}
