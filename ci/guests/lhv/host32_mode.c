// SPDX-License-Identifier: BSD-2-Clause
// VMX instructions of L1 in modes that don't have them: #UD before all else (SDM 3C 31.3 "VMX Instructions").

#include <caps/addr.h>

#include "host32.h"
#include "l2.h"
#include "vmx.h"
#include "x86.h"

void host32_mode_tests(void);

HOST32(mode_vmptrst, "vmptrst (%edi)");

// VMX instructions; with the operand at DS:SI, or with 32-bit addresses at DS:[ESI].
static const struct insn { const char *name; uint8_t code[5]; } virtual_8086[] = {
    { "vmxon", { 0xf3, 0x0f, 0xc7, 0x34 } }, { "vmclear", { 0x66, 0x0f, 0xc7, 0x34 } }, { "vmptrld", { 0x0f, 0xc7, 0x34 } }, { "vmptrst", { 0x0f, 0xc7, 0x3c } },
    { "vmread", { 0x0f, 0x78, 0xc8 } }, { "vmwrite", { 0x0f, 0x79, 0xc8 } }, { "vmlaunch", { 0x0f, 0x01, 0xc2 } }, { "vmresume", { 0x0f, 0x01, 0xc3 } },
    { "vmxoff", { 0x0f, 0x01, 0xc4 } }, { "vmcall", { 0x0f, 0x01, 0xc1 } }, { "invept", { 0x66, 0x0f, 0x38, 0x80, 0x0c } },
    { "invvpid", { 0x66, 0x0f, 0x38, 0x81, 0x0c } },
};
#define IN_VIRTUAL_8086 (sizeof(virtual_8086) / sizeof(virtual_8086[0]))

// In virtual-8086 mode of an L1 in VMX operation: #UD, whatever CPL and operands are.
static void in_virtual_8086(uint64_t unused)
{
    (void)unused;
    struct cpu *c = this_cpu();
    (void)host32_prepare(true);
    struct step *steps[IN_VIRTUAL_8086];
    for (unsigned i = 0; i < IN_VIRTUAL_8086; i++)
        __builtin_memcpy(c->low + 0x100 + 16 * i, virtual_8086[i].code, 5);
    host32_begin();
    for (unsigned i = 0; i < IN_VIRTUAL_8086; i++) {
        steps[i] = host32_step(host32_v86);
        steps[i]->gpr[EAX] = low32(c->low) >> 4;
        steps[i]->gpr[ECX] = 0x100 + 16 * i;
    }
    host32_end();
    for (unsigned i = 0; i < IN_VIRTUAL_8086; i++) {
        want_fault(virtual_8086[i].name, steps[i], VECTOR_UD, 0);
        expect(virtual_8086[i].name, steps[i]->eip, 0x100 + 16 * i);
    }
}

// At privilege level 3 of an L1 in VMX operation: #GP(0), before the operands. Outside: VMXON alone is #GP(0), there are no others.
static const struct insn in_32_bits[] = {
    { "vmxon", { 0xf3, 0x0f, 0xc7, 0x36 } }, { "vmclear", { 0x66, 0x0f, 0xc7, 0x36 } }, { "vmptrld", { 0x0f, 0xc7, 0x36 } }, { "vmptrst", { 0x0f, 0xc7, 0x3e } },
    { "vmread", { 0x0f, 0x78, 0xc8 } }, { "vmwrite", { 0x0f, 0x79, 0xc8 } }, { "vmlaunch", { 0x0f, 0x01, 0xc2 } }, { "vmresume", { 0x0f, 0x01, 0xc3 } },
    { "vmxoff", { 0x0f, 0x01, 0xc4 } }, { "vmcall", { 0x0f, 0x01, 0xc1 } }, { "invept", { 0x66, 0x0f, 0x38, 0x80, 0x0e } },
    { "invvpid", { 0x66, 0x0f, 0x38, 0x81, 0x0e } },
};
#define IN_32_BITS (sizeof(in_32_bits) / sizeof(in_32_bits[0]))

static void in_user(uint64_t in_vmx)
{
    struct cpu *c = this_cpu();
    (void)host32_prepare(true);
    struct step *steps[IN_32_BITS], *pointer = NULL;
    for (unsigned i = 0; i < IN_32_BITS; i++)
        __builtin_memcpy(c->low + 0x100 + 16 * i, in_32_bits[i].code, 5);
    if (in_vmx)
        host32_begin();
    for (unsigned i = 0; i < IN_32_BITS; i++) {
        steps[i] = host32_step(host32_user);
        steps[i]->gpr[ECX] = low32(c->low) + 0x100 + 16 * i;
        steps[i]->gpr[ESI] = low32(&c->page_c[0]);
        steps[i]->gpr[EDI] = low32(&c->page_c[0]);
    }
    if (in_vmx) {
        pointer = host32_step(mode_vmptrst);
        pointer->gpr[EDI] = low32(&c->page_c[1]);
    }
    host32_end();
    for (unsigned i = 0; i < IN_32_BITS; i++) {
        want_fault(in_32_bits[i].name, steps[i], in_vmx || i == 0 ? VECTOR_GP : VECTOR_UD, 0);
        expect(in_32_bits[i].name, steps[i]->eip, low32(c->low) + 0x100 + 16 * i);
    }
    expect("nothing was stored", c->page_c[0], 0);
    if (in_vmx) {
        want_success("VMPTRST", pointer);
        expect("still current", c->page_c[1], address(c->vmcs[0]));
    }
}

// VMXON in real mode: out of VMX operation, which can't be in it. By 16-bit protected mode, whose segments stay; the handler of #UD lies below 1 MiB.
HOST32(wrong_mode_to_real, "mov %cr0, %edx\n\tmov %edx, %eax\n\tbtr $31, %eax\n\tmov %eax, %cr0\n\tlidt (%esi)\n\tljmp *(%edi)\n"
       "wrong_mode_from_real: mov %edx, %cr0\n\tlidt (%ecx)");
extern const char wrong_mode_from_real[] __attribute__((visibility("hidden")));
L2_BYTES(wrong_mode_real, ".code16\n\tmov %cr0, %eax\n\tbtr $0, %eax\n\tmov %eax, %cr0\n\tvmxon (%si)\n\tud2");
L2_BYTES(wrong_mode_real_handler, ".code16\n\tpop %bp\n\tadd $4, %esp\n\tmov %cr0, %eax\n\tbts $0, %eax\n\tmov %eax, %cr0\n\tljmpl $0x28, $0");
#define AT_VMXON 11u  // in wrong_mode_real

static void in_real_mode(uint64_t unused)
{
    (void)unused;
    struct cpu *c = this_cpu();
    struct host32 *h = host32_prepare(true);
    for (const char *p = wrong_mode_real; p < wrong_mode_real_end; p++)
        ((uint8_t *)c->page_b)[0x800 + (p - wrong_mode_real)] = (uint8_t)*p;
    const uint32_t handler_bytes = (uint32_t)(wrong_mode_real_handler_end - wrong_mode_real_handler), back = low32(wrong_mode_from_real);
    for (const char *p = wrong_mode_real_handler; p < wrong_mode_real_handler_end; p++)
        c->low[0x200 + (p - wrong_mode_real_handler)] = (uint8_t)*p;
    __builtin_memcpy(c->low + 0x200 + handler_bytes - 6, &back, sizeof(back));
    ((uint32_t *)(void *)(c->low + PAGE_BYTES))[VECTOR_UD] = low32(c->low) >> 4 << 16 | 0x200;
    h->cell[2] = (address(c->low) + PAGE_BYTES) << 16 | 0x3ff;
    h->cell[3] = (uint64_t)SELECTOR_CODE_16 << 32;
    const uint64_t idt = (address(c->page_b) + 0x200) << 16 | 0xff;
    h->cell[4] = idt;
    struct step *real = host32_step(wrong_mode_to_real);
    real->gpr[ECX] = low32(&h->cell[4]);
    real->gpr[ESI] = low32(&h->cell[2]);
    real->gpr[EDI] = low32(&h->cell[3]);
    real->gpr[EBP] = 0xffff0000;
    host32_end();
    want_success("there and back", real);
    expect("IP of #UD", real->gpr[EBP], 0xffff0000 | AT_VMXON);
}

// In compatibility mode, too.
#define COMPATIBILITY(name, instruction)                                                                                                     \
    static int compatibility_##name(uint64_t operand)                                                                                        \
    {                                                                                                                                        \
        uint64_t flags;                                                                                                                      \
        vmx_before();                                                                                                                        \
        __asm__ volatile("lea 999f(%%rip), %%rax\n\tmov %%rax, %%gs:8\n\tlea 998f(%%rip), %%rax\n\tmov $0x28, %%ecx\n\tpush %%rcx\n\t"           \
                         "push %%rax\n\tlea 997f(%%rip), %%rdx\n\tlretq\n\t.code32\n\t998: " instruction "\n\t"                                 \
                         "999: pushl $8\n\tpush %%edx\n\tlret\n\t.code64\n\t997: movq $0, %%gs:8\n\tpushfq\n\tpop %%rax"                       \
                         : "=&a"(flags), "+S"(operand) : : "rcx", "rdx", "memory", "cc");                                                   \
        return vmx_outcome(flags);                                                                                                           \
    }
COMPATIBILITY(vmxon, "vmxon (%%esi)")
COMPATIBILITY(vmclear, "vmclear (%%esi)")
COMPATIBILITY(vmptrld, "vmptrld (%%esi)")
COMPATIBILITY(vmptrst, "vmptrst (%%esi)")
COMPATIBILITY(vmread, "vmread %%ecx, %%eax")
COMPATIBILITY(vmwrite, "vmwrite %%ecx, %%eax")
COMPATIBILITY(vmlaunch, "vmlaunch")
COMPATIBILITY(vmresume, "vmresume")
COMPATIBILITY(vmxoff, "vmxoff")
COMPATIBILITY(vmcall, "vmcall")
COMPATIBILITY(invept, "invept (%%esi), %%ecx")
COMPATIBILITY(invvpid, "invvpid (%%esi), %%ecx")

static void in_compatibility(uint64_t unused)
{
    (void)unused;
    static const struct { const char *name; int (*what)(uint64_t); } rows[] = {
#define ROW(name) { #name, compatibility_##name }
        ROW(vmxon), ROW(vmclear), ROW(vmptrld), ROW(vmptrst), ROW(vmread), ROW(vmwrite), ROW(vmlaunch), ROW(vmresume), ROW(vmxoff), ROW(vmcall), ROW(invept),
        ROW(invvpid),
#undef ROW
    };
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        expect(rows[i].name, (uint64_t)rows[i].what(address(this_cpu()->data)), OUTCOME_FAULT + VECTOR_UD);
    expect("VMPTRST", (uint64_t)vmx_vmptrst_at(address(this_cpu()->data)), 0);
    expect("still current", this_cpu()->data[0], address(this_cpu()->vmcs[0]));
}

void host32_mode_tests(void)
{
    TEST(in_virtual_8086);
    test_row("in_user", "vmx", in_user, true);
    test_row("in_user", "no_vmx", in_user, false);
    TEST(in_real_mode);
    TEST(in_compatibility);
}
