// SPDX-License-Identifier: BSD-2-Clause
// VMCS fields: each row of vmcs_field.def (SDM 3C 25.11.2 "VMREAD, VMWRITE, and Encodings of VMCS Fields", 3D appendix B).

#include "cpu_insn.h"
#include "vmcs.h"
#include "vmx.h"

#define MISC_WRITE_INFO (1ull << 29)

void field_tests(void);

static const char *const name[VMCS_FIELD_COUNT] = {
#define FIELD(field, encoding, group, policy, nested, exists) #field,
#include <caps/vmcs_field.def>
#undef FIELD
};

static uint32_t encoding(uint64_t field) { return vmcs_field_info[field].encoding; }
static uint64_t mask(uint64_t field) { return width_mask(encoding_width(encoding(field))); }
static bool writable(uint64_t field) { return encoding_class(encoding(field)) != CLASS_INFO || (msr_read(MSR_VMX_MISC) & MISC_WRITE_INFO); }

// Values that differ in each field. Access rights keep to their defined bits, which is all that a CPU must store of them.
static uint64_t pattern(uint64_t field, uint64_t salt)
{
    uint64_t value = (0x0123456789abcdefull ^ salt) * (2 * field + 3);
    if (field >= VMCS_GUEST_ES_ACCESS_RIGHTS && field <= VMCS_GUEST_TR_ACCESS_RIGHTS)
        value &= 0x1f0ff;
    return value & mask(field);
}

// It holds what its width says, and nothing of what was there before.
static void round_trip(uint64_t field)
{
    if (!vmcs_has((enum vmcs_field)field))
        test_emulator_first_cpu();
    uint64_t value = 0;
    const int outcome = vmx_vmread_raw(encoding(field), &value);
    if (!vmcs_has((enum vmcs_field)field)) {
        expect("VMREAD of a field that doesn't exist", (uint64_t)outcome, ERROR_NO_FIELD);
        expect("VMWRITE of it", (uint64_t)vmx_vmwrite_raw(encoding(field), 0), ERROR_NO_FIELD);
        return;
    }
    expect("VMREAD", (uint64_t)outcome, 0);
    if (!writable(field)) {
        expect("VMWRITE", (uint64_t)vmx_vmwrite_raw(encoding(field), 0), ERROR_READ_ONLY);
        return;
    }
    for (uint64_t salt = 0; salt < 3; salt++) {
        const uint64_t beyond = ~mask(field);  // bits that the field doesn't have are ignored
        expect("VMWRITE", (uint64_t)vmx_vmwrite_raw(encoding(field), pattern(field, salt) | beyond), 0);
        expect("value", vmcs_read((enum vmcs_field)field), pattern(field, salt));
    }
}

// The high half of 64-bit fields has an encoding of its own; other fields have none (SDM 3C 25.11.2, bit 0 "access type").
static void high_half(uint64_t field)
{
    uint64_t value = 0;
    if (encoding_width(encoding(field)) != WIDTH_64 || !vmcs_has((enum vmcs_field)field)) {
        test_emulator_first_cpu();
        expect("VMREAD of the high half", (uint64_t)vmx_vmread_raw(encoding(field) | 1, &value), ERROR_NO_FIELD);
        expect("VMWRITE of it", (uint64_t)vmx_vmwrite_raw(encoding(field) | 1, 0), ERROR_NO_FIELD);
        return;
    }
    if (!writable(field))
        test_skip("read-only");
    vmcs_write((enum vmcs_field)field, 0x1111111122222222);
    expect("VMREAD of the high half", (uint64_t)vmx_vmread_raw(encoding(field) | 1, &value), 0);
    expect("the high half", value, 0x11111111);
    expect("VMWRITE of it", (uint64_t)vmx_vmwrite_raw(encoding(field) | 1, 0xffffffff33333333), 0);
    expect("the field", vmcs_read((enum vmcs_field)field), 0x3333333322222222);
}

// Each row once more: after VMCLEAR, another VMCS in between, and VMPTRLD it is as it was.
static void persistent(uint64_t unused)
{
    (void)unused;
    struct cpu *c = this_cpu();
    for (unsigned round = 0; round < 2; round++) {
        expect("VMPTRLD", (uint64_t)vmx_vmptrld(address(c->vmcs[round])), 0);
        for (unsigned field = 0; field < VMCS_FIELD_COUNT; field++) {
            if (vmcs_has((enum vmcs_field)field) && writable(field))
                vmcs_write((enum vmcs_field)field, pattern(field, round));
        }
        expect("VMCLEAR", (uint64_t)vmx_vmclear(address(c->vmcs[round])), 0);
    }
    for (unsigned round = 0; round < 2; round++) {
        expect("VMPTRLD", (uint64_t)vmx_vmptrld(address(c->vmcs[round])), 0);
        for (unsigned field = 0; field < VMCS_FIELD_COUNT; field++) {
            if (vmcs_has((enum vmcs_field)field) && writable(field) && vmcs_read((enum vmcs_field)field) != pattern(field, round))
                test_fail(name[field], vmcs_read((enum vmcs_field)field), pattern(field, round));
        }
    }
}

// VMPTRLD of another VMCS without VMCLEAR, and back.
static void switched(uint64_t unused)
{
    (void)unused;
    struct cpu *c = this_cpu();
    for (unsigned i = 0; i < VMCS_MAX; i++) {
        (void)vmx_vmclear(address(c->vmcs[i]));
        expect("VMPTRLD", (uint64_t)vmx_vmptrld(address(c->vmcs[i])), 0);
        W(GUEST_RSP, 0x1000 + i);
        W(HOST_RIP, 0x2000 + i);
        W(EXCEPTION_BITMAP, 0x3000 + i);
    }
    for (unsigned i = 0; i < VMCS_MAX; i++) {
        expect("VMPTRLD", (uint64_t)vmx_vmptrld(address(c->vmcs[i])), 0);
        expect("GUEST_RSP", R(GUEST_RSP), 0x1000 + i);
        expect("HOST_RIP", R(HOST_RIP), 0x2000 + i);
        expect("EXCEPTION_BITMAP", R(EXCEPTION_BITMAP), 0x3000 + i);
    }
}

// Encodings of no field.
static void absent(uint64_t unused)
{
    (void)unused;
    test_emulator_first_cpu();
    static const uint64_t none[] = { 0x0006, 0x0070, 0x0818, 0x0c0e, 0x2050, 0x2402 + 0x100, 0x2c20, 0x4030, 0x4410, 0x4840, 0x4c02, 0x6010,
                                     0x6410, 0x6830, 0x6c20, 0x8000, 0x7ffe, 0x100000000, 0x800000006800 };
    for (unsigned i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        uint64_t value = 0;
        // Bits 63:32 of the operand must be 0 in 64-bit mode.
        if (vmx_vmread_raw(none[i], &value) != ERROR_NO_FIELD)
            test_fail("VMREAD succeeds of encoding", none[i], ERROR_NO_FIELD);
        if (vmx_vmwrite_raw(none[i], 0) != ERROR_NO_FIELD)
            test_fail("VMWRITE succeeds of encoding", none[i], ERROR_NO_FIELD);
    }
}

// The operand in memory takes 8 bytes in 64-bit mode, whatever the field's width.
static void memory_operand(uint64_t unused)
{
    (void)unused;
    uint64_t *cell = this_cpu()->data;
    cell[0] = 0xffffffff12345678;
    cell[1] = cell[2] = ~0ull;
    expect("VMWRITE", (uint64_t)vmx_vmwrite_at(encoding(VMCS_EXCEPTION_BITMAP), address(cell)), 0);
    expect("VMREAD", (uint64_t)vmx_vmread_at(encoding(VMCS_EXCEPTION_BITMAP), address(cell + 1)), 0);
    expect("bytes 0 to 7", cell[1], 0x12345678);
    expect("bytes behind", cell[2], ~0ull);
}

void field_tests(void)
{
    for (unsigned field = 0; field < VMCS_FIELD_COUNT; field++)
        test_row("round_trip", name[field], round_trip, field);
    for (unsigned field = 0; field < VMCS_FIELD_COUNT; field++)
        test_row("high_half", name[field], high_half, field);
    TEST(persistent);
    TEST(switched);
    TEST(absent);
    TEST(memory_operand);
}
