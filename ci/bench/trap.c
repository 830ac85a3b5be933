// SPDX-License-Identifier: BSD-2-Clause
// Descriptor tables.

#include "console.h"
#include "cpu_insn.h"
#include "trap.h"

struct gate { uint16_t offset_low, selector, attributes, offset_middle; uint32_t offset_high, reserved; };

static uint64_t gdt[7];
static struct gate idt[TRAP_INTERRUPT + 1];
static struct { uint32_t reserved; uint64_t rsp[3]; uint8_t rest[TRAP_TASK_LIMIT + 1 - 28]; } __attribute__((packed)) task;
static uint8_t stack[8192] __attribute__((aligned(16)));  // for what comes in user mode

uint64_t trap_gdt_base(void) { return (uint64_t)(uintptr_t)gdt; }
uint64_t trap_idt_base(void) { return (uint64_t)(uintptr_t)idt; }
uint64_t trap_task_base(void) { return (uint64_t)(uintptr_t)&task; }

static void gate_set(unsigned vector, uint64_t to)
{
    idt[vector] = (struct gate){ (uint16_t)to, SELECTOR_CODE, 0x8e00, (uint16_t)(to >> 16), (uint32_t)(to >> 32), 0 };
}

void trap_interrupt(void (*handler)(void)) { gate_set(TRAP_INTERRUPT, (uint64_t)(uintptr_t)handler); }

void trap_install(void)
{
    const uint64_t base = trap_task_base();
    gdt[1] = 0x00af9b000000ffff;  // 64-bit code
    gdt[2] = 0x00cf93000000ffff;  // data
    gdt[3] = TRAP_TASK_LIMIT | (base & 0xffffff) << 16 | 0x89ull << 40 | (base >> 24 & 0xff) << 56;
    gdt[4] = base >> 32;
    gdt[5] = 0x00cff3000000ffff;  // user data
    gdt[6] = 0x00affb000000ffff;  // user code
    task.rsp[0] = (uint64_t)(uintptr_t)&stack[sizeof(stack)];
    for (unsigned i = 0; i < 32; i++)
        gate_set(i, (uint64_t)(uintptr_t)trap_stub + i * 16);
    const struct table_register gdtr = { sizeof(gdt) - 1, trap_gdt_base() };
    const struct table_register idtr = { sizeof(idt) - 1, trap_idt_base() };
    gdt_load(&gdtr);
    segments_load(SELECTOR_CODE, SELECTOR_DATA);
    task_load(SELECTOR_TASK);
    idt_load(&idtr);
}

void trap_unexpected(uint64_t vector, uint64_t error, uint64_t rip)
{
    static const char *const name[32] = { "exception #DE", [6] = "exception #UD", [8] = "exception #DF", [13] = "exception #GP",
                                          [14] = "exception #PF" };
    (void)error;
    console_error(vector < 32 && name[vector] ? name[vector] : "exception", rip);
}
