// SPDX-License-Identifier: BSD-2-Clause
// tasks.efi: hardware task switches in 32-bit code, on the bare machine or on Bulkhead. A line for each scenario says how it ended and what every task was left
// with, in numbers that don't depend on where the program lies; and powers off.

#include <stdbool.h>

#include <efi.h>

#include "arena.h"
#include "cpu_insn.h"
#include "memory.h"
#include "serial.h"

#define MEMORY_PAGES 64
#define CR4_PSE      0x10u
#define CR4_PAE      0x20u
#define PAGE_4M      0x87u
#define PAGE_2M      0x87u
#define WORDS_AT     0xc0000000u  // only task A's address space has it
#define FLAGS_NEW    0x00000002u
#define MEMORY_END     0x80000000u  // what both address spaces map
#define TRAMPOLINE_END 0xa0000u

enum paging { NONE, WIDE, PAE };

enum scenario {
#define SCENARIO(name, kind, target, paging, vector, error) scenario_##name,
#include "scenario.def"
#undef SCENARIO
    SCENARIO_COUNT
};
static const struct { const char *name; uint32_t kind; uint16_t target; enum paging paging; uint32_t vector, error; } table[] = {
#define SCENARIO(name, kind, target, paging, vector, error) { #name, kind, target, paging, vector, error },
#include "scenario.def"
#undef SCENARIO
};

// The faults that tasks of their own take.
static const uint8_t vector_of[TASK_H_COUNT] = { 1, 3, 6, 10, 11, 12, 13, 14, 0x40 };

static struct arena *arena;
static uint8_t *low;  // code for virtual-8086 mode

static uint32_t linear(const volatile void *place) { return (uint32_t)(uintptr_t)place; }

static uint64_t descriptor(uint32_t base, uint32_t limit, uint32_t rights)
{
    return (limit & 0xffffu) | (uint64_t)(base & 0xffffff) << 16 | (uint64_t)rights << 40 | (uint64_t)(limit & 0xf0000) << 32 | (uint64_t)(base & 0xff000000) << 32;
}

static void descriptor_set(uint32_t selector, uint64_t value) { arena->gdt[selector / 8] = value; }
static uint64_t task_gate(uint32_t selector) { return (uint64_t)selector << 16 | 0xe5ull << 40; }

static struct tss32 flat_task(const char *code, const uint8_t *stack)
{
    return (struct tss32){ .cr3 = arena->cr3, .eip = linear(code), .eflags = FLAGS_NEW, .gpr = { 0xa0, 0xa1, 0xa2, linear(arena), linear(stack), 0xa5, 0xa6, 0xa7 },
                           .segment = { DATA32, CODE32, DATA32, DATA32, 0, 0 } };
}

static void build_tables(void)
{
    descriptor_set(CODE32, 0x00cf9b000000ffff);
    descriptor_set(DATA32, 0x00cf93000000ffff);
    descriptor_set(CODE64, 0x00af9b000000ffff);
    descriptor_set(TSS_MAIN, descriptor(linear(&arena->main), sizeof(struct tss32) - 1, 0x89));
    descriptor_set(TSS_A, descriptor(linear(&arena->a), sizeof(struct tss32) - 1, 0x89));
    descriptor_set(TSS16_A, descriptor(linear(&arena->a), sizeof(struct tss16) - 1, 0x81));
    descriptor_set(LDT_A, descriptor(linear(arena->ldt), sizeof(arena->ldt) - 1, 0x82));
    descriptor_set(GATE_A, task_gate(TSS_A));
    descriptor_set(CODE_A, descriptor(linear(task_a), 0xffff, 0x409a));
    descriptor_set(DATA_A, descriptor(linear(arena->words), sizeof(arena->words) - 1, 0x4092));
    for (uint32_t i = 0; i < TASK_H_COUNT; i++) {
        arena->h[i].wide = flat_task(task_h, arena->h_stack + PAGE_BYTES - 32);
        arena->h[i].wide.gpr[0] = vector_of[i];
        descriptor_set(TSS_H + 8 * i, descriptor(linear(&arena->h[i]), sizeof(struct tss32) - 1, 0x89));
        arena->idt[vector_of[i]] = task_gate(TSS_H + 8 * i);
    }
    arena->idt[0x41] = task_gate(TSS_A);
    arena->gdtr = (struct table64){ SELECTOR_END - 1, (uintptr_t)arena->gdt, { 0 } };
    arena->idtr = (struct table32){ sizeof(arena->idt) - 1, linear(arena->idt), 0 };
    arena->back.selector = CODE64;
    arena->to_32.selector = CODE32;
    arena->to_main.selector = TSS_MAIN;
    arena->words[0] = 0x11111111;
    arena->words[1] = 0x22222222;
    arena->words[2] = 0x33333333;
}

// Two address spaces: all identity, but task A's has the arena's first 4 (2) MiB at WORDS_AT.
static void build_paging(enum paging paging)
{
    const uint32_t large = linear(arena) & ~0x3fffffu;
    if (paging == WIDE) {
        for (uint32_t space = 0; space < 2; space++)
            for (uint32_t i = 0; i < 1024; i++)
                arena->directory[space][i] = i < 512 ? i << 22 | PAGE_4M : 0;
        arena->directory[1][WORDS_AT >> 22] = large | PAGE_4M;
        arena->cr4 = CR4_PSE;
    } else if (paging == PAE) {
        for (uint32_t space = 0; space < 2; space++)
            for (uint32_t i = 0; i < 4; i++) {
                arena->pdpt[space][i] = linear(arena->pae[space][i]) | 1;
                for (uint32_t j = 0; j < 512 && i < 2; j++)
                    arena->pae[space][i][j] = (uint64_t)(i << 30 | j << 21) | PAGE_2M;
            }
        for (uint32_t j = 0; j < 2; j++)
            arena->pae[1][3][j] = (large + (j << 21)) | PAGE_2M;
        arena->cr4 = CR4_PAE;
    }
    arena->cr3 = paging == NONE ? 0 : paging == WIDE ? linear(arena->directory[0]) : linear(arena->pdpt[0]);
}

static void narrow_a(const char *code)
{
    arena->a.narrow = (struct tss16){ .ip = (uint16_t)(linear(code) - linear(task_a)), .flags = 2,
        .gpr = { 0xb0, 0xb1, 0xb2, 0xb3, 0xf00, 0xb5, 0xb6, 0xb7 }, .segment = { DATA32, CODE_A, SPARE, DATA32 } };
    descriptor_set(SPARE, descriptor(linear(arena->a_stack), 0xffff, 0x0092));
}

// What one scenario has that others don't.
static void build_special(enum scenario scenario)
{
    struct tss32 *a = &arena->a.wide;
    switch (scenario) {
    case scenario_breakpoint: arena->idt[3] = task_gate(TSS_A); break;
    case scenario_fault: arena->idt[6] = task_gate(TSS_A); break;
    case scenario_fault_with_error: arena->idt[13] = task_gate(TSS_A); break;
    case scenario_call_iret: case scenario_interrupt_iret: case scenario_wide_iret: case scenario_pae_iret: a->eip = linear(task_a_iret); break;
    case scenario_narrow_jmp: case scenario_narrow_call: narrow_a(task_a); break;
    case scenario_narrow_iret: narrow_a(task_a_iret); break;
    case scenario_narrow_error: narrow_a(task_a); arena->idt[13] = task_gate(TSS16_A); break;
    case scenario_segments: a->eip = linear(task_a_words); a->segment[4] = a->segment[5] = DATA_A; break;
    case scenario_local_table:
        a->eip = linear(task_a_words);
        a->ldtr = LDT_A;
        arena->ldt[1] = descriptor(linear(&arena->words[1]), 7, 0x4092);
        a->segment[4] = a->segment[5] = 0x0c;
        break;
    case scenario_privilege_3:
        descriptor_set(SPARE, 0x00cffb000000ffff);
        descriptor_set(DATA_A, 0x00cff2000000ffff);
        a->segment[1] = SPARE | 3;
        a->segment[2] = a->segment[3] = a->segment[0] = DATA_A | 3;
        break;
    case scenario_virtual_8086:
        for (uint32_t i = 0; i < (uint32_t)(task_a_end - task_a); i++)
            low[i] = (uint8_t)task_a[i];
        for (uint32_t i = 0; i < 6; i++)
            a->segment[i] = linear(low) >> 4;
        a->eip = 0;
        a->gpr[4] = 0xff0;
        a->eflags = 0x23002;  // VM, IOPL 3
        break;
    case scenario_traced: a->trap = 1; break;
    case scenario_wide_words: case scenario_pae_words:
        a->eip = linear(task_a_words);
        descriptor_set(DATA_A, descriptor(WORDS_AT + (linear(arena->words) & 0x3fffff), 7, 0x4092));
        a->segment[4] = a->segment[5] = DATA_A;
        break;
    case scenario_tss_not_mapped: descriptor_set(TSS_A, descriptor(0x80000ff0, sizeof(struct tss32) - 1, 0x89)); break;
    case scenario_stack_not_mapped: arena->idt[13] = task_gate(TSS_A); a->gpr[4] = 0x80001000; break;
    case scenario_absent: descriptor_set(TSS_A, descriptor(linear(a), sizeof(*a) - 1, 0x09)); break;
    case scenario_short_tss: descriptor_set(TSS_A, descriptor(linear(a), sizeof(*a) - 2, 0x89)); break;
    case scenario_code_null: a->segment[1] = 0; break;
    case scenario_code_is_data: a->segment[1] = DATA32; break;
    case scenario_code_absent: descriptor_set(SPARE, 0x00cf1a000000ffff); a->segment[1] = SPARE; break;
    case scenario_code_privilege:
        descriptor_set(DATA_A, 0x00cff3000000ffff);
        a->segment[1] = CODE32 | 3;
        a->segment[0] = a->segment[2] = a->segment[3] = DATA_A | 3;
        break;
    case scenario_stack_null: a->segment[2] = 0; break;
    case scenario_stack_is_code: a->segment[2] = CODE32; break;
    case scenario_stack_absent: descriptor_set(SPARE, 0x00cf12000000ffff); a->segment[2] = SPARE; break;
    case scenario_data_absent: descriptor_set(SPARE, 0x00cf12000000ffff); a->segment[3] = SPARE; break;
    case scenario_data_is_system: a->segment[0] = TSS_MAIN; break;
    case scenario_data_beyond: a->segment[5] = 0x3f8; break;
    case scenario_local_table_is_none: a->ldtr = DATA32; break;
    case scenario_code_too_short: a->segment[1] = CODE_A; a->eip = 0x10000; break;
    default: break;
    }
}

static void build(enum scenario scenario)
{
    __builtin_memset(arena, 0, sizeof(*arena));
    build_paging(table[scenario].paging);
    build_tables();
    arena->kind = table[scenario].kind;
    arena->target.selector = table[scenario].target;
    arena->main.wide.cr3 = arena->cr3;
    arena->a.wide = flat_task(task_a, arena->a_stack + PAGE_BYTES - 32);
    if (table[scenario].paging != NONE)
        arena->a.wide.cr3 = table[scenario].paging == WIDE ? linear(arena->directory[1]) : linear(arena->pdpt[1]);
    build_special(scenario);
}

// Addresses in the arena and in the tasks' code as offsets, with a letter.
static void say(const char *name, uint32_t value)
{
    serial_text(name);
    if (value - linear(arena) < sizeof(*arena)) {
        serial_text("@");
        value -= linear(arena);
    } else if (value - linear(tasks_run) < 0x1000) {
        serial_text("+");
        value -= linear(tasks_run);
    }
    serial_number(value, 16);
}

static void say_access(const char *name, uint32_t selector) { say(name, arena->gdt[selector / 8] >> 40 & 0xff); }

static void say_task(const struct tss32 *tss)
{
    static const char *const gpr[8] = { " ax=", " cx=", " dx=", " bx=", " sp=", " bp=", " si=", " di=" };
    static const char *const segment[6] = { " es=", " cs=", " ss=", " ds=", " fs=", " gs=" };
    say(" ip=", tss->eip);
    say(" flags=", tss->eflags);
    say(" link=", tss->link);
    for (unsigned i = 0; i < 8; i++)
        say(gpr[i], tss->gpr[i]);
    for (unsigned i = 0; i < 6; i++)
        say(segment[i], tss->segment[i] == linear(low) >> 4 ? 0x8086 : tss->segment[i]);
}

static void say_narrow(const struct tss16 *tss)
{
    say(" ip=", tss->ip);
    say(" flags=", tss->flags);
    say(" link=", tss->link);
    for (unsigned i = 0; i < 8; i++)
        say(" ", tss->gpr[i]);
    for (unsigned i = 0; i < 4; i++)
        say(" ", tss->segment[i]);
}

static void say_end(enum scenario scenario)
{
    const bool narrow = table[scenario].target == TSS16_A || scenario == scenario_narrow_error;
    const bool right = arena->returned == 1 && arena->vector == table[scenario].vector &&
                       (table[scenario].vector == 0x40 || table[scenario].vector <= 1 || arena->error == table[scenario].error);
    serial_text(right ? "tasks: ok " : "tasks: FAIL ");
    serial_text(table[scenario].name);
    say(" vector=", arena->vector);
    say(" error=", arena->error);
    say(" esp=", arena->esp);
    say(" tr=", arena->tr);
    say(" cr0=", arena->cr0);
    say(" flags=", arena->flags);
    say(" dr7=", arena->dr7);
    say(" cr2=", arena->vector == 14 ? arena->cr2 : 0);
    say(" cr3=", arena->now_cr3);
    say(" main flags=", arena->main_flags);
    say(" tr=", arena->main_tr);
    say(" cr0=", arena->main_cr0);
    say(" left at=", arena->main_ip);
    serial_text(" saved");
    say_task(&arena->main.wide);
    serial_text(" a");
    narrow ? say_narrow(&arena->a.narrow) : say_task(&arena->a.wide);
    say(" pushed=", *(uint32_t *)(void *)(arena->a_stack + (narrow ? 0xefe : PAGE_BYTES - 36)));
    say_access(" access main=", TSS_MAIN);
    say_access(" a=", TSS_A);
    say_access(" narrow=", TSS16_A);
    say_access(" spare=", SPARE);
    say_access(" data=", DATA_A);
    say_access(" code=", CODE_A);
    serial_text("\n");
}

// gnu-efi's start code calls it by the System V convention; by the second name in later versions.
EFI_STATUS efi_main(EFI_HANDLE self, EFI_SYSTEM_TABLE *system);
EFI_STATUS _entry(EFI_HANDLE self, EFI_SYSTEM_TABLE *system) __attribute__((alias("efi_main")));

EFI_STATUS efi_main(EFI_HANDLE self, EFI_SYSTEM_TABLE *system)
{
    (void)self;
    const uint64_t base = memory_below(system, MEMORY_END, MEMORY_PAGES), below = memory_below(system, TRAMPOLINE_END, 1);
    if (base == 0 || below == 0) {
        serial_text("tasks: error no memory\n");
        power_off();
    }
    interrupts_off();
    memory_use(base, MEMORY_PAGES);
    arena = memory_pages((sizeof(*arena) + PAGE_BYTES - 1) / PAGE_BYTES);
    low = (uint8_t *)(uintptr_t)below;
    for (enum scenario i = 0; i < SCENARIO_COUNT; i++) {
        build(i);
        tasks_run(arena);
        say_end(i);
    }
    serial_text("tasks: done\n");
    power_off();
}
