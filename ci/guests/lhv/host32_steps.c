// SPDX-License-Identifier: BSD-2-Clause
// A 32-bit L1's tables and steps: page A is its page directory, or has its page-directory pointers, page B has GDT, IDT and task-state segment, page C is for
// operands and the stacks; the steps are in the data pages.

#include <caps/addr.h>

#include "cpu_insn.h"
#include "host32.h"
#include "l2.h"
#include "vmx.h"
#include "x86.h"

#define CR4_PSE       (1ull << 4)
#define IDT_AT        0x200
#define TASK_AT       0x400
#define CODE_16_AT    0x800
#define STACK_AT      0x1000  // ends
#define FAULT_STACK_AT 0xc00  // of exceptions in virtual-8086 mode
#define VECTORS       32
#define STEPS_MAX     ((2 * PAGE_BYTES - sizeof(struct host32)) / sizeof(struct step))
_Static_assert(sizeof(struct step) == STEP_BYTES && offsetof(struct step, gpr) == STEP_GPR && offsetof(struct step, flags) == STEP_FLAGS &&
               offsetof(struct step, ended) == STEP_ENDED && offsetof(struct step, cr2) == STEP_CR2, "as in host32.S");

L2_BYTES(steps_l2, ".code32\n\tcpuid\n\tmov $0x1234, %ebx\n\tvmcall\n\thlt");
HOST32(steps_vmxon, "vmxon (%esi)");
HOST32(steps_vmptrld, "vmptrld (%esi)");
HOST32(steps_vmclear, "vmclear (%esi)");
HOST32(steps_vmxoff, "vmxoff");
HOST32(steps_vmread, "vmread %ecx, %eax");
HOST32(steps_vmwrite, "vmwrite %eax, %ecx");

static struct host32 *self(void) { return (struct host32 *)(void *)this_cpu()->data; }

static uint32_t *word(unsigned place) { return (uint32_t *)(void *)(self()->place + place); }

static uint64_t descriptor(uint64_t base, uint64_t limit, uint64_t rights)
{
    return (limit & 0xffff) | (base & 0xffffff) << 16 | (rights & 0xff) << 40 | (limit >> 16 & 15) << 48 | (rights >> 12 & 15) << 52 | (base >> 24 & 0xff) << 56;
}

static void gdt(struct cpu *c)
{
    uint64_t *to = c->page_b;
    const uint64_t operands = address(c->page_c);
    for (unsigned i = 0; i < sizeof(c->gdt) / sizeof(c->gdt[0]); i++)
        to[i] = c->gdt[i];
    to[HOST32_TASK_SELECTOR / 8] = descriptor(address(to) + TASK_AT, 0x67, 0x89);
    to[HOST32_GS_SELECTOR / 8] = descriptor(address(c->data), 0xfffff, 0xc093);
    to[SELECTOR_SMALL / 8] = descriptor(operands, 0x17, 0x4093);
    to[SELECTOR_READ_ONLY / 8] = descriptor(operands, 0x17, 0x4091);
    to[SELECTOR_DOWN / 8] = descriptor(operands, 0x1f, 0x4097);
    to[SELECTOR_DOWN_16 / 8] = descriptor(operands, 0x1f, 0x97);
    to[SELECTOR_CODE_16 / 8] = descriptor(address(to) + CODE_16_AT, 0xffff, 0x9b);
    to[SELECTOR_HALF / 8] = descriptor(0, 0x7ffff, 0xc093);
    to[HOST32_USER_CODE / 8] = descriptor(0, 0xfffff, 0xc0fb);
    to[SELECTOR_WRAPS / 8] = descriptor(0xfffff000, 0xfffff, 0xc093);
}

static void idt_and_task(struct cpu *c)
{
    uint64_t *idt = c->page_b + IDT_AT / 8;
    uint32_t *task = (uint32_t *)(void *)(c->page_b + TASK_AT / 8);
    for (unsigned i = 0; i < VECTORS; i++) {
        const uint64_t to = address(host32_stubs) + 16 * i;
        idt[i] = (to & 0xffff) | (uint64_t)SELECTOR_CODE32 << 16 | 0x8eull << 40 | (to >> 16) << 48;
    }
    task[1] = low32(c->page_c) + FAULT_STACK_AT;
    task[2] = SELECTOR_DATA;
    task[25] = 0x68u << 16;
}

static void table_registers(struct cpu *c)
{
    const uint64_t base = address(c->page_b);
    struct table_register r = { HOST32_USER_CODE | 7, base };
    __builtin_memcpy(self()->place + HOST32_GDTR, &r, sizeof(r));
    r = (struct table_register){ VECTORS * 8 - 1, base + IDT_AT };
    __builtin_memcpy(self()->place + HOST32_IDTR, &r, sizeof(r));
}

static void paging(struct cpu *c, bool pae)
{
    const uint64_t *gigabytes = (const uint64_t *)(uintptr_t)(c->page_root[0] & 0xffffffffff000);
    uint32_t *directory = (uint32_t *)(void *)c->page_a;
    for (uint32_t i = 0; i < 1024 && !pae; i++)
        directory[i] = i << 22 | 0x87;
    for (unsigned i = 0; i < 4 && pae; i++)
        c->page_a[i] = (gigabytes[i == 1 ? 0 : i] & 0xffffffffff000) | 1;
    *word(HOST32_CR0) = (uint32_t)cr0_read();
    *word(HOST32_CR3) = low32(c->page_a);
    *word(HOST32_CR4) = (uint32_t)(pae ? cr4_read() | CR4_PAE : (cr4_read() & ~CR4_PAE) | CR4_PSE);
}

static void host_fields(struct cpu *c)
{
    CLEAR(EXIT, HOST_64_BIT);
    W(HOST_CR3, address(c->page_a));
    W(HOST_CR4, *word(HOST32_CR4));
    W(HOST_CS_SELECTOR, SELECTOR_CODE32);
    W(HOST_GS_SELECTOR, HOST32_GS_SELECTOR);
    W(HOST_TR_SELECTOR, HOST32_TASK_SELECTOR);
    W(HOST_GS_BASE, address(c->data));
    W(HOST_TR_BASE, address(c->page_b) + TASK_AT);
    W(HOST_GDTR_BASE, address(c->page_b));
    W(HOST_IDTR_BASE, address(c->page_b) + IDT_AT);
    W(HOST_RSP, address(c->page_c) + STACK_AT);
    W(HOST_RIP, address(host32_exit));
}

struct host32 *host32_prepare(bool pae)
{
    struct cpu *c = this_cpu();
    struct host32 *h = self();
    gdt(c);
    idt_and_task(c);
    table_registers(c);
    paging(c, pae);
    *word(HOST32_BACK + 4) = SELECTOR_CODE;
    *word(HOST32_TO_32 + 4) = SELECTOR_CODE32;
    *word(HOST32_STACK) = low32(c->page_c) + STACK_AT;
    *word(HOST32_STEP) = *word(HOST32_END) = low32(h->step);
    h->cell[0] = address(c->vmxon_region);
    h->cell[1] = address(c->vmcs[0]);
    host_fields(c);
    l2_low(steps_l2, steps_l2_end);
    l2_protected_32();
    W(GUEST_CR3, address(c->page_a));
    W(GUEST_CR4, *word(HOST32_CR4));
    for (unsigned i = 0; i < 4; i++) {
        if (vmcs_has(VMCS_GUEST_PDPTE0))
            vmcs_write((enum vmcs_field)(VMCS_GUEST_PDPTE0 + i), c->page_a[i]);
    }
    return h;
}

struct step *host32_step(const char *code)
{
    struct host32 *h = self();
    struct step *step = &h->step[(*word(HOST32_END) - low32(h->step)) / STEP_BYTES];
    if (step == &h->step[STEPS_MAX - 2])
        test_fail("steps fit", STEPS_MAX, 0);
    *word(HOST32_END) += STEP_BYTES;
    *step = (struct step){ .code = low32(code), .selector = SELECTOR_CODE32 };
    return step;
}

struct step *host32_vmread(uint32_t encoding)
{
    struct step *step = host32_step(steps_vmread);
    step->gpr[EAX] = 0xdddddddd;
    step->gpr[ECX] = encoding;
    return step;
}

struct step *host32_vmwrite(uint32_t encoding, uint32_t value)
{
    struct step *step = host32_step(steps_vmwrite);
    step->gpr[EAX] = value;
    step->gpr[ECX] = encoding;
    return step;
}

void host32_begin(void)
{
    host32_step(steps_vmxon)->gpr[ESI] = low32(&self()->cell[0]);
    host32_step(steps_vmptrld)->gpr[ESI] = low32(&self()->cell[1]);
}

void host32_end(void)
{
    struct cpu *c = this_cpu();
    struct host32 *h = self();
    host32_step(steps_vmclear)->gpr[ESI] = low32(&h->cell[1]);
    const struct step *last = host32_step(steps_vmxoff);
    const bool begun = h->step[0].code == low32(steps_vmxon);
    expect("VMCLEAR", (uint64_t)vmx_vmclear(address(c->vmcs[0])), 0);
    expect("VMXOFF", (uint64_t)vmx_vmxoff(), 0);
    c->vmx_on = false;
    host32_run(h);
    msr_write(MSR_GS_BASE, address(c));
    cpu_restore(c);
    expect("VMX on again", cpu_vmx_on(c), true);
    expect("VMPTRLD", (uint64_t)vmx_vmptrld(address(c->vmcs[0])), 0);
    if (!begun)
        return;
    want_success("VMXON", &h->step[0]);
    want_success("VMPTRLD", &h->step[1]);
    want_success("VMXOFF", last);
}

#define STATUS_FLAGS 0x8d5

void want_success(const char *what, const struct step *step)
{
    if (step->ended == ENDED_EXCEPTION)
        test_fail(what, OUTCOME_FAULT + step->vector, 0);
    expect(what, step->ended, ENDED_RETURNED);
    expect(what, step->flags & (FLAG_CF | FLAG_ZF), 0);
}

void want_read(const char *what, const struct step *step, uint32_t value)
{
    want_success(what, step);
    expect(what, step->gpr[EAX], value);
}

void want_error(const char *what, const struct step *step, uint32_t error)
{
    expect(what, step->ended, ENDED_RETURNED);
    expect(what, step->flags & STATUS_FLAGS, FLAG_ZF);
    expect(what, step[1].gpr[EAX], error);
}

void want_fault(const char *what, const struct step *step, uint32_t vector, uint32_t error)
{
    expect(what, step->ended, ENDED_EXCEPTION);
    expect(what, step->vector, vector);
    expect(what, step->error, error);
}
