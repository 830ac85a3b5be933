// SPDX-License-Identifier: BSD-2-Clause
// Each bit of each control word (SDM 3C 25.6 to 25.8; 27.2.1 "Checks on VMX Controls"; 3D A.3 to A.5): it can be what the capability MSRs
// say, and nothing else.

#include "control.h"
#include "cpu_insn.h"
#include "l2.h"
#include "vmx.h"

void control_tests(void);

L2(control_cpuid, "cpuid");

static const char *const word_name[WORD_COUNT] = { "PIN", "PROC", "PROC2", "EXIT", "ENTRY" };
static const char *const name[WORD_COUNT][32] = {
#define CONTROL(word, control, bit, l0, l1) [WORD_##word][bit] = #control,
#include <caps/vmx_control.def>
#undef CONTROL
};
static const char *const reserved[32] = { "bit_0", "bit_1", "bit_2", "bit_3", "bit_4", "bit_5", "bit_6", "bit_7", "bit_8", "bit_9", "bit_10",
    "bit_11", "bit_12", "bit_13", "bit_14", "bit_15", "bit_16", "bit_17", "bit_18", "bit_19", "bit_20", "bit_21", "bit_22", "bit_23",
    "bit_24", "bit_25", "bit_26", "bit_27", "bit_28", "bit_29", "bit_30", "bit_31" };

// What one control needs to be 1 itself, in the same or another word.
static const struct need { const char *name; uint8_t word; uint32_t bits; uint8_t needed_word; uint32_t needed; } needs[] = {
#define NEEDS(word, control, needed_word, needed) { #control "_without_" #needed, WORD_##word, word##_##control, WORD_##needed_word, needed_word##_##needed }
    NEEDS(PIN, VIRTUAL_NMIS, PIN, NMI_EXITING),
    NEEDS(PIN, POSTED_INTERRUPTS, PROC2, VIRTUAL_INTERRUPT_DELIVERY),
    NEEDS(PIN, POSTED_INTERRUPTS, EXIT, ACK_INTERRUPT),
    NEEDS(PROC, NMI_WINDOW_EXITING, PIN, VIRTUAL_NMIS),
    NEEDS(PROC2, VIRTUALIZE_X2APIC, PROC, USE_TPR_SHADOW),
    NEEDS(PROC2, APIC_REGISTER_VIRT, PROC, USE_TPR_SHADOW),
    NEEDS(PROC2, VIRTUAL_INTERRUPT_DELIVERY, PROC, USE_TPR_SHADOW),
    NEEDS(PROC2, VIRTUAL_INTERRUPT_DELIVERY, PIN, EXTERNAL_INTERRUPT_EXITING),
    NEEDS(PROC2, UNRESTRICTED_GUEST, PROC2, ENABLE_EPT),
    NEEDS(PROC2, ENABLE_PML, PROC2, ENABLE_EPT),
    NEEDS(PROC2, MODE_BASED_EXECUTE, PROC2, ENABLE_EPT),
    NEEDS(PROC2, SUB_PAGE_WRITE, PROC2, ENABLE_EPT),
    NEEDS(PROC2, PT_GUEST_PHYSICAL, PROC2, ENABLE_EPT),
    NEEDS(EXIT, SAVE_PREEMPTION_TIMER, PIN, PREEMPTION_TIMER),
#undef NEEDS
};
// 1 in one mode of L1 or L2 only, and tested elsewhere.
static const uint32_t other_mode[WORD_COUNT] = {
    [WORD_EXIT] = EXIT_HOST_64_BIT, [WORD_ENTRY] = ENTRY_GUEST_IA32E | ENTRY_ENTRY_TO_SMM | ENTRY_DEACTIVATE_DUAL_MONITOR };

// "not offered: NAME", for test_skip.
static const char *not_offered(unsigned word, uint32_t bits)
{
    static char text[CPU_MAX][64] = { 0 };
    char *to = text[this_cpu()->index];
    for (const char *from = "not offered: "; *from != '\0'; from++)
        *to++ = *from;
    for (const char *from = name[word][__builtin_ctz(bits)]; *from != '\0'; from++)
        *to++ = *from;
    *to = '\0';
    return text[this_cpu()->index];
}

static void write_if_there(enum vmcs_field field, uint64_t value)
{
    if (vmcs_has(field))
        vmcs_write(field, value);
}

void control_fill_fields(void)
{
    struct cpu *c = this_cpu();
    W(IO_BITMAP_A, address(c->page_a));
    W(IO_BITMAP_B, address(c->page_a));
    static const enum vmcs_field pages[] = { VMCS_MSR_BITMAP, VMCS_VIRTUAL_APIC_ADDR, VMCS_PML_ADDR, VMCS_EPTP_LIST_ADDR, VMCS_VMREAD_BITMAP,
                                             VMCS_VMWRITE_BITMAP, VMCS_VE_INFO_ADDR, VMCS_POSTED_INTR_DESC_ADDR };
    for (unsigned i = 0; i < sizeof(pages) / sizeof(pages[0]); i++)
        write_if_there(pages[i], address(c->page_b));
    write_if_there(VMCS_APIC_ACCESS_ADDR, address(c->page_c));
    write_if_there(VMCS_TPR_THRESHOLD, 0);
    write_if_there(VMCS_POSTED_INTR_VECTOR, 0);
    write_if_there(VMCS_HOST_PAT, msr_read(MSR_PAT));
    write_if_there(VMCS_GUEST_PAT, msr_read(MSR_PAT));
    write_if_there(VMCS_HOST_EFER, msr_read(MSR_EFER));
    write_if_there(VMCS_GUEST_EFER, msr_read(MSR_EFER));
    write_if_there(VMCS_HOST_PERF_GLOBAL_CTRL, 0);
    write_if_there(VMCS_GUEST_PERF_GLOBAL_CTRL, 0);
    write_if_there(VMCS_PREEMPTION_TIMER, 0x7fffffff);
    write_if_there(VMCS_TSC_MULTIPLIER, 1ull << 48);
    write_if_there(VMCS_VM_FUNCTION_CONTROL, 0);
    write_if_there(VMCS_GUEST_BNDCFGS, 0);
    write_if_there(VMCS_EPTP_INDEX, 0);
    write_if_there(VMCS_PML_INDEX, 511);
}

static void add_needs(enum control_word word, uint32_t bits)
{
    for (unsigned i = 0; i < sizeof(needs) / sizeof(needs[0]); i++) {
        if (needs[i].word != word || !(needs[i].bits & bits))
            continue;
        const enum control_word other = (enum control_word)needs[i].needed_word;
        const enum vmcs_field field = control_field(other);
        if (needs[i].needed & ~control_allowed1(other))
            test_skip("what it needs isn't offered");
        if (needs[i].needed & ~vmcs_read(field)) {
            vmcs_write(field, vmcs_read(field) | needs[i].needed);
            add_needs(other, needs[i].needed);
        }
    }
}

static void bit(uint64_t row)
{
    const enum control_word word = (enum control_word)(row / 32);
    const uint32_t mask = 1u << row % 32;
    const enum vmcs_field field = control_field(word);
    if (word == WORD_PROC2 && !HAS(PROC, SECONDARY_CONTROLS))
        test_skip("no secondary controls");
    if (other_mode[word] & mask)
        test_skip("depends on the mode");
    control_fill_fields();
    l2_start(control_cpuid);
    if (!(control_allowed1(word) & mask)) {
        vmcs_write(field, vmcs_read(field) | mask);
        want_vmfail(ERROR_ENTRY_CONTROLS);
    } else if (control_must1(word) & mask) {
        vmcs_write(field, vmcs_read(field) & ~(uint64_t)mask);
        want_vmfail(ERROR_ENTRY_CONTROLS);
    } else {
        add_needs(word, mask);
        vmcs_write(field, vmcs_read(field) | mask);
        l2_run();
        expect("VM entry", (uint64_t)this_cpu()->exit.failed, 0);
        expect("VM-entry failure", this_cpu()->exit.reason & EXIT_REASON_FAILED, 0);
    }
}

// Without its need a control makes VM entry fail.
static void alone(uint64_t row)
{
    const struct need *n = &needs[row];
    const enum vmcs_field field = control_field((enum control_word)n->word), other = control_field((enum control_word)n->needed_word);
    if (!(n->bits & control_allowed1((enum control_word)n->word)))
        test_skip(not_offered(n->word, n->bits));
    control_fill_fields();
    add_needs((enum control_word)n->word, n->bits);
    vmcs_write(field, vmcs_read(field) | n->bits);
    vmcs_write(other, vmcs_read(other) & ~(uint64_t)n->needed);
    l2_start(control_cpuid);
    want_vmfail(ERROR_ENTRY_CONTROLS);
}

// What a capability MSR says must fit what the others say (SDM 3D A.2 "Reserved Controls and Default Settings").
static void capabilities(uint64_t unused)
{
    (void)unused;
    static const uint32_t default1[] = { 0x16, 0x0401e172, 0x36dff, 0x11ff };
    const uint64_t basic = msr_read(MSR_VMX_BASIC);
    expect("IA32_VMX_BASIC bit 31", basic >> 31 & 1, 0);
    expect("region size at most 4096", ((basic >> 32) & 0x1fff) <= 4096 && ((basic >> 32) & 0x1fff) > 0, 1);
    expect("32-bit addresses only", basic >> 48 & 1, 0);
    expect("write-back", basic >> 50 & 15, 6);
    for (unsigned i = 0; i < 4; i++) {
        const uint64_t plain = msr_read(0x481 + i);
        expect("default1 in the allowed 1-settings", (plain >> 32) & default1[i], default1[i]);
        expect("default1 in the allowed 0-settings", (uint32_t)plain & default1[i], default1[i]);
        if (basic >> 55 & 1) {
            const uint64_t exact = msr_read(0x48d + i);
            expect("allowed 1-settings of the TRUE MSR", exact >> 32, plain >> 32);
            expect("its allowed 0-settings only within default1", ((uint32_t)plain ^ (uint32_t)exact) & ~default1[i], 0);
        }
        expect("what must be 1 may be 1", (uint32_t)plain & ~(plain >> 32), 0);
    }
    expect("CR0 fixed bits", msr_read(MSR_VMX_CR0_FIXED0) & ~msr_read(MSR_VMX_CR0_FIXED1), 0);
    expect("CR4 fixed bits", msr_read(MSR_VMX_CR4_FIXED0) & ~msr_read(MSR_VMX_CR4_FIXED1), 0);
    expect("CR4.VMXE fixed", msr_read(MSR_VMX_CR4_FIXED0) & CR4_VMXE, CR4_VMXE);
    if (HAS(PROC2, UNRESTRICTED_GUEST))
        expect("EFER.LMA is saved", msr_read(MSR_VMX_MISC) >> 5 & 1, 1);
}

// The largest index of an encoding (SDM 3D A.9 "VMCS Enumeration").
static void enumeration(uint64_t unused)
{
    (void)unused;
    uint64_t highest = 0;
    for (unsigned field = 0; field < VMCS_FIELD_COUNT; field++) {
        const uint64_t index = vmcs_field_info[field].encoding >> 1 & 0x1ff;
        if (vmcs_has((enum vmcs_field)field) && index > highest)
            highest = index;
    }
    expect("IA32_VMX_VMCS_ENUM", msr_read(MSR_VMX_ENUM), highest << 1);
}

void control_tests(void)
{
    for (unsigned row = 0; row < WORD_COUNT * 32; row++) {
        const char *part = name[row / 32][row % 32];
        test_row(word_name[row / 32], part ? part : reserved[row % 32], bit, row);
    }
    for (unsigned row = 0; row < sizeof(needs) / sizeof(needs[0]); row++)
        test_row("alone", needs[row].name, alone, row);
    TEST(capabilities);
    TEST(enumeration);
}
