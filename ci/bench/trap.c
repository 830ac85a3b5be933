// SPDX-License-Identifier: BSD-2-Clause
// Descriptor tables.

#include "console.h"
#include "cpu_insn.h"
#include "trap.h"

struct gate { uint16_t offset_low, selector, attributes, offset_middle; uint32_t offset_high, reserved; };

static uint64_t gdt[5];
static struct gate idt[32];
static uint8_t task[TRAP_TASK_LIMIT + 1];

uint64_t trap_gdt_base(void) { return (uint64_t)(uintptr_t)gdt; }
uint64_t trap_idt_base(void) { return (uint64_t)(uintptr_t)idt; }
uint64_t trap_task_base(void) { return (uint64_t)(uintptr_t)task; }

void trap_install(void)
{
    const uint64_t base = trap_task_base();
    gdt[1] = 0x00af9b000000ffff;  // 64-bit code
    gdt[2] = 0x00cf93000000ffff;  // data
    gdt[3] = TRAP_TASK_LIMIT | (base & 0xffffff) << 16 | 0x89ull << 40 | (base >> 24 & 0xff) << 56;
    gdt[4] = base >> 32;
    for (unsigned i = 0; i < 32; i++) {
        const uint64_t stub = (uint64_t)(uintptr_t)trap_stub + i * 16;
        idt[i] = (struct gate){ (uint16_t)stub, SELECTOR_CODE, 0x8e00, (uint16_t)(stub >> 16), (uint32_t)(stub >> 32), 0 };
    }
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
