// SPDX-License-Identifier: BSD-2-Clause
// VMCS shadowing: VMREAD and VMWRITE of an L2 on the VMCS that the link pointer names (SDM 3C 25.10 "VMCS Types: Ordinary and Shadow",
// 26.1.3 "Instructions That Cause VM Exits Conditionally", 31.3 "VMX Instructions").

#include <caps/addr.h>

#include "cpu_insn.h"
#include "l2.h"
#include "trap.h"
#include "vmx.h"

void shadow_tests(void);

// RAX: the encoding; RBX: the value, or its address; RDX: RFLAGS behind it.
L2(shadow_vmread, "vmread %rax, %rbx\n\tpushfq\n\tpop %rdx");
L2(shadow_vmwrite, "vmwrite %rbx, %rax\n\tpushfq\n\tpop %rdx");
L2(shadow_vmread_memory, "vmread %rax, (%rbx)\n\tpushfq\n\tpop %rdx");
L2(shadow_vmwrite_memory, "vmwrite (%rbx), %rax\n\tpushfq\n\tpop %rdx");
L2(shadow_nothing, "nop");
L2(shadow_vmread_rsp, "mov %rsp, %rcx\n\tvmread %rax, %rsp\n\txchg %rsp, %rcx\n\tpushfq\n\tpop %rdx");

#define INDICATOR  (1u << 31)
#define STATUS     0x8d5ull  // CF, PF, AF, ZF, SF, OF
#define NOT_MAPPED (1ull << 41)

static uint32_t encoding(uint64_t field) { return vmcs_field_info[field].encoding; }
static uint64_t mask(uint64_t field) { return width_mask(encoding_width(encoding(field))); }

static const char *const name[VMCS_FIELD_COUNT] = {
#define FIELD(field, encoding, group, policy, nested, exists) #field,
#include <caps/vmcs_field.def>
#undef FIELD
};

// VMCS 1 becomes a shadow VMCS; it is clear.
static uint64_t shadow_region(void)
{
    uint32_t *region = this_cpu()->vmcs[1];
    expect("VMCLEAR", (uint64_t)vmx_vmclear(address(region)), 0);
    *region = ((uint32_t)msr_read(MSR_VMX_BASIC) & 0x7fffffff) | INDICATOR;
    return address(region);
}

static uint8_t *read_bitmap(void) { return (uint8_t *)this_cpu()->page_a; }
static uint8_t *write_bitmap(void) { return (uint8_t *)this_cpu()->page_b; }
static void set_bit(uint8_t *bitmap, uint32_t number) { bitmap[number / 8] |= (uint8_t)(1u << number % 8); }

// L2 may read and write everything.
static void shadow_on(void)
{
    NEED(PROC2, VMCS_SHADOWING);
    W(VMREAD_BITMAP, address(read_bitmap()));
    W(VMWRITE_BITMAP, address(write_bitmap()));
    W(VMCS_LINK_POINTER, shadow_region());
}

// L1 reads and writes the shadow VMCS as any other, and goes back to L2's.
static uint64_t in_shadow(uint64_t field)
{
    struct cpu *c = this_cpu();
    expect("VMPTRLD of the shadow VMCS", (uint64_t)vmx_vmptrld(address(c->vmcs[1])), 0);
    const uint64_t value = vmcs_read((enum vmcs_field)field);
    expect("VMCLEAR of it", (uint64_t)vmx_vmclear(address(c->vmcs[1])), 0);
    expect("VMPTRLD of L2's", (uint64_t)vmx_vmptrld(address(c->vmcs[0])), 0);
    return value;
}

static void set_in_shadow(uint64_t field, uint64_t value)
{
    struct cpu *c = this_cpu();
    expect("VMPTRLD of the shadow VMCS", (uint64_t)vmx_vmptrld(address(c->vmcs[1])), 0);
    vmcs_write((enum vmcs_field)field, value);
    expect("VMCLEAR of it", (uint64_t)vmx_vmclear(address(c->vmcs[1])), 0);
    expect("VMPTRLD of L2's", (uint64_t)vmx_vmptrld(address(c->vmcs[0])), 0);
}

// L2 executes one, and ends without an exit for it; its flags are those.
static void run(const char *code, uint64_t field, uint64_t value, uint64_t flags)
{
    GPR(RAX) = field;
    GPR(RBX) = value;
    l2_start(code);
    W(GUEST_RFLAGS, FLAG_FIXED | STATUS);
    want_end();
    expect("L2's flags", GPR(RDX) & STATUS, flags);
}

// Values that differ in each field. Access rights keep to their defined bits, which is all that a CPU must store of them.
static uint64_t pattern(uint64_t field, uint64_t salt)
{
    uint64_t value = (0x0fedcba987654321ull ^ salt) * (2 * field + 3);
    if (field >= VMCS_GUEST_ES_ACCESS_RIGHTS && field <= VMCS_GUEST_TR_ACCESS_RIGHTS)
        value &= 0x1f0ff;
    return value & mask(field);
}

// No such field. The error number is in the current VMCS, which is L2's.
static void lacks(uint32_t number)
{
    run(shadow_vmread, number, 5, FLAG_ZF);
    expect("RBX", GPR(RBX), 5);
    expect("VM-instruction error of VMREAD", R(INSTRUCTION_ERROR), ERROR_NO_FIELD);
    W(INSTRUCTION_ERROR, 0);
    run(shadow_vmwrite, number, 5, FLAG_ZF);
    expect("VM-instruction error of VMWRITE", R(INSTRUCTION_ERROR), ERROR_NO_FIELD);
}

// Each field, read-only ones too: what L1 has put there L2 reads, and the other way round; L2's own VMCS stays as it is.
static void each_field(uint64_t field)
{
    shadow_on();
    if (!vmcs_has((enum vmcs_field)field)) {
        test_emulator_first_cpu();
        lacks(encoding(field));
        return;
    }
    set_in_shadow(field, pattern(field, 1));
    run(shadow_vmread, encoding(field), ~0ull, 0);
    expect("what L2 reads", GPR(RBX), pattern(field, 1));
    const uint64_t own = vmcs_read((enum vmcs_field)field);
    const bool info = encoding_class(encoding(field)) == CLASS_INFO || field == VMCS_GUEST_RIP || field == VMCS_GUEST_RFLAGS;
    run(shadow_vmwrite, encoding(field), pattern(field, 2) | ~mask(field), 0);
    if (!info)
        expect("the field of L2's own VMCS", vmcs_read((enum vmcs_field)field), own);
    run(shadow_vmread, encoding(field), 0, 0);
    expect("what L2 has written", GPR(RBX), pattern(field, 2));
    expect("what L1 finds there", in_shadow(field), pattern(field, 2));
}

// The two halves of a 64-bit field; each has a bit of its own in the bitmaps.
static void high_half(uint64_t unused)
{
    (void)unused;
    shadow_on();
    const uint32_t field = encoding(VMCS_TSC_OFFSET);
    set_in_shadow(VMCS_TSC_OFFSET, 0x1111111122222222);
    run(shadow_vmread, field | 1, 0, 0);
    expect("the high half", GPR(RBX), 0x11111111);
    run(shadow_vmwrite, field | 1, 0xffffffff33333333, 0);
    run(shadow_vmread, field, 0, 0);
    expect("the field", GPR(RBX), 0x3333333322222222);
    set_bit(read_bitmap(), field | 1);
    run(shadow_vmread, field, 0, 0);
    l2_start(shadow_vmread);
    GPR(RAX) = field | 1;
    want_exit(EXIT_VMREAD);
}

// A bit of the bitmap that is 1 is an exit, and only of that instruction and that encoding.
static void bits(uint64_t row)
{
    static const uint32_t some[] = { 0x0000, 0x0800, 0x2010, 0x2800, 0x4002, 0x4402, 0x4824, 0x6000, 0x6802, 0x681e, 0x6c16 };
    const bool write = row & 1;
    shadow_on();
    for (unsigned i = 0; i < sizeof(some) / sizeof(some[0]); i++) {
        uint8_t *bitmap = write ? write_bitmap() : read_bitmap();
        const uint8_t before = bitmap[some[i] / 8];
        set_bit(bitmap, some[i]);
        GPR(RAX) = some[i];
        GPR(RBX) = 0x77;
        l2_start(write ? shadow_vmwrite : shadow_vmread);
        want_exit(write ? EXIT_VMWRITE : EXIT_VMREAD);
        expect("RIP at the instruction", R(GUEST_RIP), address(write ? shadow_vmwrite : shadow_vmread));
        expect("instruction length", R(EXIT_INSTRUCTION_LENGTH), 3);
        // Register operands (bit 10): RBX in bits 6:3, RAX in bits 31:28.
        expect("instruction information", R(EXIT_INSTRUCTION_INFO) & 0xf0000478, 3 << 3 | 1 << 10);
        expect("RBX", GPR(RBX), 0x77);
        run(write ? shadow_vmread : shadow_vmwrite, some[i], 0, 0);
        bitmap[some[i] / 8] = before;
        run(write ? shadow_vmwrite : shadow_vmread, some[i], 0, 0);
    }
}

// Encodings of more than 15 bits are an exit whatever the bitmaps say.
static void wide(uint64_t row)
{
    static const uint64_t some[] = { 0x8000, 0x8800, 0x10000, 0x80000000, 0x100000000, 0x10000681e, 1ull << 63 };
    shadow_on();
    GPR(RAX) = some[row / 2];
    l2_start(row & 1 ? shadow_vmwrite : shadow_vmread);
    want_exit(row & 1 ? EXIT_VMWRITE : EXIT_VMREAD);
}

// Without the control both are exits, also with a VMCS linked.
static void control_off(uint64_t unused)
{
    (void)unused;
    W(VMCS_LINK_POINTER, address(this_cpu()->vmcs[2]));
    GPR(RAX) = 0x4402;
    l2_start(shadow_vmread);
    want_exit(EXIT_VMREAD);
    l2_start(shadow_vmwrite);
    want_exit(EXIT_VMWRITE);
}

// An ordinary VMCS may be linked where the control is 0, and is not used.
static void ordinary_linked(uint64_t unused)
{
    (void)unused;
    W(VMCS_LINK_POINTER, address(this_cpu()->vmcs[2]));
    l2_start(shadow_nothing);
    want_end();
}

static void no_link(uint64_t row)
{
    shadow_on();
    W(VMCS_LINK_POINTER, ~0ull);
    run(row & 1 ? shadow_vmwrite : shadow_vmread, 0x681e, 5, FLAG_CF);
    expect("RBX", GPR(RBX), 5);
}

static void no_field(uint64_t unused)
{
    (void)unused;
    test_emulator_first_cpu();
    shadow_on();
    lacks(0x7ffe);
    lacks(0x681f);  // the high half of a field that has none
}

// The exit comes before #GP for the privilege level.
static void user(uint64_t row)
{
    const bool write = row & 1;
    const char *code = write ? shadow_vmwrite : shadow_vmread;
    shadow_on();
    set_bit(write ? write_bitmap() : read_bitmap(), 0x6802);
    l2_user();
    l2_start(code);
    GPR(RAX) = 0x6802;
    want_exit(write ? EXIT_VMWRITE : EXIT_VMREAD);
    l2_start(code);
    GPR(RAX) = 0x6804;
    want_trap(VECTOR_GP);
}

// With the monitor trap flag there is an exit behind them (SDM 3C 26.5.2 "Monitor Trap Flag"); behind a fault, before its handler.
static void stepped(uint64_t row)
{
    const char *code = row & 1 ? shadow_vmwrite : shadow_vmread;
    shadow_on();
    NEED(PROC, MONITOR_TRAP_FLAG);
    GPR(RAX) = 0x6802;
    GPR(RBX) = 0x4560;
    l2_start(code);
    want_exit(EXIT_MONITOR_TRAP);
    expect("GUEST_RIP", R(GUEST_RIP), address(code) + 3);
    if (row & 1)
        expect("what L1 finds there", in_shadow(VMCS_GUEST_CR3), 0x4560);
    l2_user();
    l2_start(code);
    want_exit(EXIT_MONITOR_TRAP);
    expect("GUEST_RIP: the handler", R(GUEST_RIP), address(l2_stub) + VECTOR_GP * 16);
}

// Memory operands have 8 bytes in 64-bit code.
static void memory(uint64_t unused)
{
    (void)unused;
    struct cpu *c = this_cpu();
    shadow_on();
    c->data[0] = 0xffffffff12345678;
    c->data[1] = c->data[2] = ~0ull;
    run(shadow_vmwrite_memory, 0x4004, address(c->data), 0);
    run(shadow_vmread_memory, 0x4004, address(c->data + 1), 0);
    expect("bytes 0 to 7", c->data[1], 0x12345678);
    expect("bytes behind", c->data[2], ~0ull);
    expect("what L1 finds there", in_shadow(VMCS_EXCEPTION_BITMAP), 0x12345678);
    // Across a page's border.
    uint64_t *border = (uint64_t *)(void *)((char *)c->data + PAGE_BYTES - 4);
    run(shadow_vmread_memory, 0x4004, address(border), 0);
    expect("bytes across the border", *border, 0x12345678);
}

static void memory_fault(uint64_t row)
{
    shadow_on();
    GPR(RAX) = 0x4004;
    GPR(RBX) = row & 2 ? 1ull << 47 : NOT_MAPPED;
    l2_start(row & 1 ? shadow_vmwrite_memory : shadow_vmread_memory);
    want_trap(row & 2 ? VECTOR_GP : VECTOR_PF);
    expect("RF in its image", this_cpu()->l2_trap.rflags & FLAG_RF, FLAG_RF);
}

// The same where L1 wants those exceptions: its exit, with the address in the qualification only.
static void wanted_fault(uint64_t row)
{
    const bool write = row & 1, page_fault = row < 2, privilege = row >= 4;
    const char *code = write ? shadow_vmwrite_memory : shadow_vmread_memory;
    const uint32_t vector = page_fault ? VECTOR_PF : VECTOR_GP;
    shadow_on();
    if (privilege)
        l2_user();
    cr2_write(0x1234567);
    for (unsigned again = 0; again < 2; again++) {
        GPR(RAX) = 0x4004;
        GPR(RBX) = page_fault ? NOT_MAPPED : 1ull << 47;
        l2_start(code);
        W(EXCEPTION_BITMAP, 1u << vector);
        want_exit_with(EXIT_EXCEPTION_OR_NMI, page_fault ? NOT_MAPPED : 0);
        expect("interruption information", R(EXIT_INTR_INFO) & ~(uint64_t)0x1000, EVENT_VALID | EVENT_HARDWARE | EVENT_ERROR | vector);
        expect("error code", R(EXIT_INTR_ERROR), page_fault && !write ? 2 : 0);
        expect("IDT-vectoring information", R(IDT_VECTORING_INFO) & EVENT_VALID, 0);
        expect("GUEST_RIP", R(GUEST_RIP), address(code));
        expect("RF saved", R(GUEST_RFLAGS) >> 16 & 1, 1);
        expect("CR2", cr2_read(), 0x1234567);
    }
    // One that the bitmap names, but that the error code leaves to L2.
    if (!page_fault)
        return;
    l2_start(code);
    W(PF_ERROR_MASK, 2);
    W(PF_ERROR_MATCH, write ? 2 : 0);
    want_trap(VECTOR_PF);
    expect("CR2 in L2", this_cpu()->l2_trap.cr2, NOT_MAPPED);
}

// RSP as the destination.
static void stack_pointer(uint64_t unused)
{
    (void)unused;
    shadow_on();
    set_in_shadow(VMCS_GUEST_RSP, 0x123456789abc);
    run(shadow_vmread_rsp, 0x681c, 0, 0);
    expect("RSP", GPR(RCX), 0x123456789abc);
}

// What L2 writes outlasts its exits, other VMCSs, and VMCLEAR; and L1's next value is what L2 reads next.
static void persistent(uint64_t unused)
{
    (void)unused;
    struct cpu *c = this_cpu();
    shadow_on();
    for (unsigned round = 0; round < 3; round++) {
        run(shadow_vmwrite, 0x681e, 0x1000 + round, 0);
        run(shadow_vmwrite, 0x4826, 0x2000 + round, 0);
        vmcs_use(c, 2);
        expect("VMPTRLD of L2's", (uint64_t)vmx_vmptrld(address(c->vmcs[0])), 0);
        c->launched = true;
        run(shadow_vmread, 0x681e, 0, 0);
        expect("what L2 has written", GPR(RBX), 0x1000 + round);
        expect("what L1 finds there", in_shadow(VMCS_GUEST_ACTIVITY_STATE), 0x2000 + round);
        set_in_shadow(VMCS_GUEST_RIP, 0x3000 + round);
        run(shadow_vmread, 0x681e, 0, 0);
        expect("what L1 has written", GPR(RBX), 0x3000 + round);
    }
}

// Also while it isn't cleared in between: active, current nowhere.
static void not_cleared(uint64_t unused)
{
    (void)unused;
    struct cpu *c = this_cpu();
    shadow_on();
    for (unsigned round = 0; round < 3; round++) {
        expect("VMPTRLD of the shadow VMCS", (uint64_t)vmx_vmptrld(address(c->vmcs[1])), 0);
        W(GUEST_RIP, 0x3000 + round);
        W(GUEST_CR3, 0x4000 + round);
        expect("VMPTRLD of L2's", (uint64_t)vmx_vmptrld(address(c->vmcs[0])), 0);
        run(shadow_vmread, 0x681e, 0, 0);
        expect("RIP", GPR(RBX), 0x3000 + round);
        run(shadow_vmread, 0x6802, 0, 0);
        expect("CR3", GPR(RBX), 0x4000 + round);
        run(shadow_vmwrite, 0x681e, 0x5000 + round, 0);
        expect("VMPTRLD of the shadow VMCS", (uint64_t)vmx_vmptrld(address(c->vmcs[1])), 0);
        expect("RIP in L1", R(GUEST_RIP), 0x5000 + round);
        expect("VMPTRLD of L2's", (uint64_t)vmx_vmptrld(address(c->vmcs[0])), 0);
    }
    expect("VMCLEAR", (uint64_t)vmx_vmclear(address(c->vmcs[1])), 0);
}

// The linked VMCS is looked at by every VM entry, not just by the first.
static void each_entry(uint64_t unused)
{
    (void)unused;
    struct cpu *c = this_cpu();
    shadow_on();
    l2_start(shadow_nothing);
    want_end();
    *c->vmcs[1] ^= 1;
    l2_start(shadow_nothing);
    want_entry_failure(EXIT_ENTRY_GUEST_STATE, 4);
    *c->vmcs[1] ^= 1 | INDICATOR;
    want_entry_failure(EXIT_ENTRY_GUEST_STATE, 4);
    *c->vmcs[1] ^= INDICATOR;
    want_end();
}

// A shadow VMCS stays one over VMCLEAR; the indicator is software's.
static void indicator(uint64_t unused)
{
    (void)unused;
    struct cpu *c = this_cpu();
    NEED(PROC2, VMCS_SHADOWING);
    const uint64_t region = shadow_region();
    for (unsigned round = 0; round < 2; round++) {
        expect("VMPTRLD", (uint64_t)vmx_vmptrld(region), 0);
        W(GUEST_ES_LIMIT, 0x77 + round);
        expect("VMCLEAR", (uint64_t)vmx_vmclear(region), 0);
        expect("first word", *c->vmcs[1], ((uint32_t)msr_read(MSR_VMX_BASIC) & 0x7fffffff) | INDICATOR);
    }
    *c->vmcs[1] &= ~INDICATOR;
    vmcs_use(c, 1);
    l2_start(shadow_nothing);
    want_end();
}

void shadow_tests(void)
{
    for (unsigned field = 0; field < VMCS_FIELD_COUNT; field++)
        test_row("each_field", name[field], each_field, field);
    TEST(high_half);
    static const char *const which[] = { "vmread", "vmwrite" };
    for (unsigned row = 0; row < 2; row++) {
        test_row("bits", which[row], bits, row);
        test_row("no_link", which[row], no_link, row);
        test_row("user", which[row], user, row);
        test_row("stepped", which[row], stepped, row);
    }
    static const char *const beyond[] = { "bit_15", "bit_15_and_11", "bit_16", "bit_31", "bit_32", "bit_32_and_rip", "bit_63" };
    for (unsigned row = 0; row < 14; row++)
        test_row(row & 1 ? "wide_vmwrite" : "wide_vmread", beyond[row / 2], wide, row);
    static const char *const faults[] = { "vmread_pf", "vmwrite_pf", "vmread_gp", "vmwrite_gp" };
    for (unsigned row = 0; row < 4; row++)
        test_row("memory_fault", faults[row], memory_fault, row);
    static const char *const wanted[] = { "vmread_pf", "vmwrite_pf", "vmread_gp", "vmwrite_gp", "vmread_user", "vmwrite_user" };
    for (unsigned row = 0; row < 6; row++)
        test_row("wanted_fault", wanted[row], wanted_fault, row);
    TEST(memory);
    TEST(stack_pointer);
    TEST(no_field);
    TEST(control_off);
    TEST(ordinary_linked);
    TEST(persistent);
    TEST(not_cleared);
    TEST(each_entry);
    TEST(indicator);
}
