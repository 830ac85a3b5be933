// SPDX-License-Identifier: BSD-2-Clause
// Operands in memory of a 32-bit L1's VMX instructions: segments' bases, limits and types, sizes of addresses (SDM 3A 5.3 "Limit Checking", 5.5, 3C 31.2).

#include "ept12.h"
#include "host32.h"
#include "l2.h"
#include "x86.h"

void host32_operand_tests(void);

// Each piece of code ends at a VMPTRST or VMREAD of page C, a VMWRITE from it.
#define IN(selector) "mov $" #selector ", %eax\n\tmov %eax, %ds\n\t"
HOST32(operand32_small_ptr, IN(0x70) "vmptrst (%edi)");
HOST32(operand32_small_read, IN(0x70) "vmread %ecx, (%edi)");
HOST32(operand32_small_invept, IN(0x70) "invept (%edi), %ecx");
HOST32(operand32_es, "mov $0x70, %eax\n\tmov %eax, %es\n\tvmptrst %es:(%edi)");
HOST32(operand32_fs, "mov $0x70, %eax\n\tmov %eax, %fs\n\tvmptrst %fs:(%edi)");
HOST32(operand32_read_only_read, IN(0x78) "vmwrite (%edi), %ecx");
HOST32(operand32_read_only_write, IN(0x78) "vmread %ecx, (%edi)");
HOST32(operand32_code_read, "vmwrite %cs:(%esi), %ecx");
HOST32(operand32_code_write, "vmptrst %cs:(%esi)");
HOST32(operand32_null, IN(0) "vmptrst (%esi)");
HOST32(operand32_down, IN(0x80) "vmptrst (%edi)");
HOST32(operand32_down_16, IN(0x88) "vmptrst (%edi)");
HOST32(operand32_stack, "mov $0x98, %eax\n\tmov %eax, %ss\n\tvmptrst (%ebp)");
HOST32(operand32_half, IN(0x98) "vmptrst %ds:(%ebp)");
HOST32(operand32_wraps, IN(0xa0) "vmptrst 0x1000(%esi)");
HOST32(operand32_offset_wraps, "vmptrst 0x20(%ebx,%esi)");
HOST32(operand32_scaled, IN(0x70) "vmptrst -0x40(%edi,%ecx,4)");
HOST32(operand32_16, IN(0x70) "vmptrst (%bx,%di)");
HOST32(operand32_16_based, IN(0x70) "vmptrst 0x7ff8(%bx)");

enum form { PTRST, READ, WRITE, INVALIDATE };
#define OK 0u
#define OPERAND 0x8eull  // page C has such bytes
static const struct operand {
    const char *name, *code;
    enum form form;
    uint32_t ebx, ecx, edi;
    uint32_t at;       // where in page C it is
    uint32_t vector;
} operands[] = {
    { "last", operand32_small_ptr, PTRST, 0, 0, 0x10, 0x10, OK },
    { "beyond", operand32_small_ptr, PTRST, 0, 0, 0x11, 0, VECTOR_GP },
    { "far_beyond", operand32_small_ptr, PTRST, 0, 0, 0xfffffffc, 0, VECTOR_GP },
    { "read_last", operand32_small_read, READ, 0, 0, 0x14, 0x14, OK },
    { "read_beyond", operand32_small_read, READ, 0, 0, 0x15, 0, VECTOR_GP },
    { "invept_last", operand32_small_invept, INVALIDATE, 0, 2, 8, 8, OK },
    { "invept_beyond", operand32_small_invept, INVALIDATE, 0, 2, 9, 0, VECTOR_GP },
    { "es", operand32_es, PTRST, 0, 0, 0x10, 0x10, OK },
    { "es_beyond", operand32_es, PTRST, 0, 0, 0x18, 0, VECTOR_GP },
    { "fs", operand32_fs, PTRST, 0, 0, 8, 8, OK },
    { "read_only_read", operand32_read_only_read, WRITE, 0, 0, 0x14, 0x14, OK },
    { "read_only_write", operand32_read_only_write, READ, 0, 0, 0x14, 0, VECTOR_GP },
    { "code_read", operand32_code_read, WRITE, 0, 0, 0, 0, OK },
    { "code_write", operand32_code_write, PTRST, 0, 0, 0, 0, VECTOR_GP },
    { "null", operand32_null, PTRST, 0, 0, 0, 0, VECTOR_GP },
    { "down", operand32_down, PTRST, 0, 0, 0x20, 0x20, OK },
    { "down_below", operand32_down, PTRST, 0, 0, 0x1f, 0, VECTOR_GP },
    { "down_16", operand32_down_16, PTRST, 0, 0, 0x20, 0x20, OK },
    { "down_16_above", operand32_down_16, PTRST, 0, 0, 0xfff9, 0, VECTOR_GP },
    { "stack", operand32_stack, PTRST, 0, 0, 0, 0, VECTOR_SS },
    { "half", operand32_half, PTRST, 0, 0, 0, 0, VECTOR_GP },
    { "wraps", operand32_wraps, PTRST, 0, 0, 0, 0, OK },
    { "offset_wraps", operand32_offset_wraps, PTRST, 0xffffffe8, 0, 0, 8, OK },
    { "scaled", operand32_scaled, PTRST, 0, 0x10, 0x10, 0x10, OK },
    { "16_bits", operand32_16, PTRST, 0x1fff8, 0, 0x10, 8, OK },
    { "16_bits_beyond", operand32_16, PTRST, 0x12340010, 0, 1, 0, VECTOR_GP },
    { "16_bits_displaced", operand32_16_based, PTRST, 0x8010, 0, 0, 8, OK },
};

static void operand(uint64_t index)
{
    const struct operand *row = &operands[index];
    struct cpu *c = this_cpu();
    if (row->form == INVALIDATE && !(ept12_capabilities() >> 20 & 1))
        test_skip("the CPU doesn't have INVEPT");
    (void)host32_prepare(index & 1);
    W(TSC_OFFSET, 0x1122334455667788);
    uint8_t *page = (uint8_t *)c->page_c;
    for (unsigned i = 0; i < 64 && row->form != INVALIDATE; i++)
        page[i] = OPERAND;
    host32_begin();
    struct step *step = host32_step(row->code);
    step->gpr[EBX] = row->ebx;
    step->gpr[ECX] = row->form == INVALIDATE ? row->ecx : row->ecx ? row->ecx : ENCODING(TSC_OFFSET);
    step->gpr[EBP] = 0x80000000;
    step->gpr[ESI] = low32(page);
    step->gpr[EDI] = row->edi;
    host32_end();
    if (row->vector != OK)
        want_fault("fault", step, row->vector, 0);
    else
        want_success("success", step);
    uint64_t expected[8];
    for (unsigned i = 0; i < sizeof(expected); i++)
        ((uint8_t *)expected)[i] = row->form == INVALIDATE ? 0 : OPERAND;
    const uint64_t written = row->form == READ ? 0x55667788 : address(c->vmcs[0]);
    if (row->vector == OK && (row->form == PTRST || row->form == READ))
        __builtin_memcpy((uint8_t *)expected + row->at, &written, row->form == READ ? 4 : 8);
    for (unsigned i = 0; i < 8; i++)
        expect("what is in memory", c->page_c[i], expected[i]);
    expect("TSC_OFFSET", R(TSC_OFFSET), row->form == WRITE ? 0x01010101 * OPERAND : 0x1122334455667788);
}

// Code of 16 bits in protected mode: operands have 32 bits there, too.
L2_BYTES(operand32_16_read, ".code16\n\tvmread %ecx, %eax\n\tlretl");
L2_BYTES(operand32_16_pointer, ".code16\n\tmov $0x70, %ax\n\tmov %ax, %ds\n\tvmptrst (%bx,%si)\n\tlretl");
static void code_16(uint64_t unused)
{
    (void)unused;
    (void)host32_prepare(true);
    uint8_t *place = (uint8_t *)this_cpu()->page_b + 0x800;
    W(TSC_OFFSET, 0x1122334455667788);
    for (const char *p = operand32_16_read; p < operand32_16_read_end; p++)
        place[p - operand32_16_read] = (uint8_t)*p;
    for (const char *p = operand32_16_pointer; p < operand32_16_pointer_end; p++)
        place[0x40 + (p - operand32_16_pointer)] = (uint8_t)*p;
    host32_begin();
    struct step *read = host32_step(NULL), *pointer = host32_step(NULL);
    read->selector = pointer->selector = SELECTOR_CODE_16;
    read->gpr[ECX] = ENCODING(TSC_OFFSET) | 1;
    pointer->code = 0x40;
    pointer->gpr[EBX] = 0x5fff8;
    pointer->gpr[ESI] = 0x50010;
    host32_end();
    want_read("VMREAD", read, 0x11223344);
    want_success("VMPTRST", pointer);
    expect("pointer", this_cpu()->page_c[1], address(this_cpu()->vmcs[0]));
}

void host32_operand_tests(void)
{
    for (unsigned i = 0; i < sizeof(operands) / sizeof(operands[0]); i++)
        test_row("at", operands[i].name, operand, i);
    TEST(code_16);
}
