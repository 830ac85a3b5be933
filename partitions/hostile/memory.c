// SPDX-License-Identifier: BSD-2-Clause
// Memory that isn't the partition's, or not for this.

#include <caps/records.h>
#include <rt/call.h>
#include <rt/channel.h>
#include <rt/cpu.h>
#include <rt/guest.h>
#include <rt/info.h>
#include <rt/partition.h>
#include <rt/state.h>
#include <rt/string.h>
#include <rt/window.h>

#include "hostile.h"

// Where the kernel is, and its map of hidden memory: partitions' own memory lies there, too (kernel/boot_info.h).
#define KERNEL_BASE 0xffffffff80000000ull
#define HIDDEN_BASE 0xffff800000000000ull
#define LAPIC_VA    0xffffffffbffff000ull
#define LAPIC       0xfee00000ull
#define RETURN      0xc3

static uint8_t data[16] = { RETURN };
static uint8_t bss[16];
static const uint8_t rodata[16] = { RETURN };

static uint64_t at(const void *object) { return (uint64_t)(uintptr_t)object; }

// What isn't there at all, or not for ring 3.
static uint64_t read_target(const struct try *try, uint64_t index)
{
    const uint64_t target[READ_TARGETS] = {
        0, 8, IMAGE_BASE - 8, IMAGE_BASE + IMAGE_MAX_BYTES - 8, STATE_BASE - 8, STATE_BASE + STATE_MAX_BYTES - 8, INFO_BASE - 8,
        INFO_BASE + PAGE_BYTES, CHANNEL_BASE - 8, CHANNEL_BASE + sizeof(struct channel), CHANNEL_BASE + info->cpu_count * CHANNEL_STRIDE,
        STACK_BASE + 8, STACK_BASE + STACK_STRIDE - STACK_BYTES - 8, STACK_BASE + info->cpu_count * STACK_STRIDE + 8,
        STACK_BASE + info->cpu_count * STACK_STRIDE + STACK_STRIDE - 8, WINDOW_BASE - 8, WINDOW_BASE + WINDOW_BYTES, WINDOW_BASE + try->hidden,
        WINDOW_BASE + LAPIC, (1ull << 47) - 8, RECORDS_BASE - 8, RECORDS_CPU_BASE(info->cpu_count), KERNEL_BASE, KERNEL_BASE + 0x20000, KERNEL_BASE + 0x40000, LAPIC_VA, HIDDEN_BASE, HIDDEN_BASE + try->hidden,
        HIDDEN_BASE + try->hidden + (2ull << 20), HIDDEN_BASE + try->hidden + (8ull << 20), HIDDEN_BASE + LAPIC, ~7ull,
    };
    return target[index];
}

uint64_t attempt_read_memory(const struct try *try)
{
    return *(const volatile uint64_t *)(uintptr_t)read_target(try, try->parameter);
}

uint64_t attempt_read_non_canonical(const struct try *try)
{
    (void)try;
    return *(const volatile uint64_t *)(uintptr_t)(1ull << 47);
}

uint64_t attempt_write_memory(const struct try *try)
{
    const uint64_t own[WRITE_TARGETS - READ_TARGETS] = {
        IMAGE_BASE, at(rodata), (uint64_t)(uintptr_t)&attempt_write_memory, INFO_BASE, at(try->req), at(&rt_channel[rt_cpu()].channel.request[3]),
    };
    const uint64_t index = try->parameter;
    const uint64_t target = index < READ_TARGETS ? read_target(try, index) : own[index - READ_TARGETS];
    *(volatile uint64_t *)(uintptr_t)target = 0;
    return 0;
}

uint64_t attempt_write_l1(const struct try *try)
{
    *(volatile uint64_t *)(uintptr_t)(WINDOW_BASE + try->page) = 0;
    return 0;
}

uint64_t attempt_execute_memory(const struct try *try)
{
    volatile uint8_t stack[16] = { RETURN };
    try->rep->gpr[0] = RETURN;
    data[1] = bss[0] = RETURN;
    const uint64_t target[EXECUTE_TARGETS] = {
        at(data), at(bss), at(rodata), IMAGE_BASE, at((const void *)(uintptr_t)stack), at(&plan), INFO_BASE, at(try->req), at(try->rep->gpr),
        at(rt_channel[rt_cpu()].channel.out.outbox.text), WINDOW_BASE + try->page, WINDOW_BASE + try->hidden, KERNEL_BASE, HIDDEN_BASE + try->hidden,
        LAPIC_VA, RECORDS_BASE, 0,
    };
    ((void (*)(void))(uintptr_t)target[try->parameter])();
    return stack[0];
}

// The instructions whose faults on the window are forgiven, aimed elsewhere.
uint64_t attempt_fixup_elsewhere(const struct try *try)
{
    uint64_t value = 0;
    switch (try->parameter) {
    case 0: return window_read64(KERNEL_BASE, &value);
    case 1: return window_read64(WINDOW_BASE + try->page, (uint64_t *)8);
    default: return window_write64(at(rodata), 0);
    }
}

// L1's own page has the value that the guest put there.
uint64_t attempt_window_l1(const struct try *try)
{
    uint64_t value = 0;
    return !guest_read64((gpa1_t){ try->page }, &value) || value != WINDOW_VALUE;
}

static bool window_reads(uint64_t address)
{
    uint8_t buffer[16];
    uint64_t value = 0;
    uint32_t narrow = 0;
    return guest_read64((gpa1_t){ address }, &value) || guest_read32((gpa1_t){ address }, &narrow) ||
           guest_copy_in(buffer, (gpa1_t){ address }, sizeof(buffer));
}

static bool window_writes(uint64_t address)
{
    static const uint8_t zeroes[16];
    uint64_t found = 0;
    uint32_t narrow = 0;
    return guest_write64((gpa1_t){ address }, 0) || guest_write32((gpa1_t){ address }, 0) ||
           guest_copy_out((gpa1_t){ address }, zeroes, sizeof(zeroes)) || guest_exchange64((gpa1_t){ address }, WINDOW_VALUE, 0, &found) ||
           guest_exchange32((gpa1_t){ address }, (uint32_t)WINDOW_VALUE, 0, &narrow);
}

// In its data, zeroed data, state, stack, replies and outbox: they all stay as they are when the message ends.
uint64_t attempt_keep_secret(const struct try *try)
{
    static volatile uint64_t in_data = 1, in_bss;
    volatile uint64_t in_stack = SECRET_SEED * (2 + try->parameter);
    in_data = in_bss = plan.secret = in_stack;
    try->rep->arg[0] = rt_channel[rt_cpu()].channel.out.outbox.call_arg[0] = in_stack;
    return in_data != in_stack;
}

extern const struct partition_header header;

// Each part of the records.
static volatile uint64_t *records_part(uint64_t index)
{
    const uint64_t part[RECORDS_PARTS] = {
        RECORDS_BASE, RECORDS_BASE + offsetof(struct records, log), RECORDS_BASE + offsetof(struct records, previous),
        RECORDS_BASE + offsetof(struct records, crash), RECORDS_CPU_BASE(0),
        RECORDS_CPU_BASE(info->cpu_count) - 8,
    };
    return (volatile uint64_t *)(uintptr_t)part[index];
}

uint64_t attempt_records_right(const struct try *try) { return *records_part(try->parameter); }

uint64_t attempt_records_write(const struct try *try)
{
    *records_part(try->parameter) = 0;
    return 0;
}

// They are about this machine and this run, and every page of them is there.
uint64_t attempt_records_read(const struct try *try)
{
    const struct records *records = (const struct records *)RECORDS_BASE;
    const struct records_machine *machine = &records->machine;
    const struct records_cpu *cpu = (const struct records_cpu *)RECORDS_CPU_BASE(try->req->cpu);
    const struct records_partition *self = &machine->partition[info->partition];
    if (machine->magic != RECORDS_MAGIC || machine->abi != CAP_ABI || machine->cpu_count != info->cpu_count)
        return 1;
    if (memcmp(self->name, header.name, CAP_NAME) != 0 || self->state != PARTITION_READY || self->restarts == 0)
        return 2;
    if (cpu->stats.exit[ORIGIN_L1][EXIT_VMCALL].count == 0 || cpu->stats.message[info->partition].count == 0)
        return 3;
    const struct event *last = &cpu->events.slot[(cpu->events.next - 1) % EVENT_SLOTS];
    if (last->kind != EVENT_EXIT || last->reason != EXIT_VMCALL || machine->hidden_base != try->hidden)
        return 4;
    const struct records_line *line = &records->log[(machine->log_head - 1) % RECORDS_LINES];
    if (line->text[0] != 'L' || line->turn < machine->log_head || line->tsc == 0 || machine->boot_tsc == 0)
        return 5;
    uint64_t sum = 0;
    for (uint64_t at = RECORDS_BASE; at < RECORDS_RINGS_BASE(info->cpu_count); at += PAGE_BYTES)
        sum += *(const volatile uint64_t *)at;
    for (uint32_t i = 0; i < machine->partition_count; i++)
        for (uint32_t c = 0; machine->channels[i] != 0 && c < info->cpu_count; c++)
            sum += *(const volatile uint64_t *)RECORDS_RING_BASE(info->cpu_count, i, c);
    return RECORDS_BASE + machine->bytes == RECORDS_RING_BASE(info->cpu_count, machine->partition_count, 0) && sum != 0 ? 0 : 6;
}

// What travels with the messages of a partition that may hold secrets, or handles PALs.
uint64_t attempt_records_closed(const struct try *try)
{
    const struct records_machine *machine = &((const struct records *)RECORDS_BASE)->machine;
    for (uint32_t i = 0; i < machine->partition_count; i++)
        if (machine->channels[i] == 0)
            return *(const volatile uint64_t *)RECORDS_RING_BASE(info->cpu_count, i, try->req->cpu);
    return 1;
}

// Hidden memory, the LAPIC, and what lies behind L1's memory.
static uint64_t window_target(const struct try *try)
{
    const uint64_t target[6] = {
        try->hidden, try->hidden + (1ull << 20), LAPIC, WINDOW_BYTES - 16, WINDOW_BYTES, ~0ull - WINDOW_BASE + 1 + KERNEL_BASE,
    };
    return target[try->parameter];
}

uint64_t attempt_window_read(const struct try *try) { return window_reads(window_target(try)); }
uint64_t attempt_window_write(const struct try *try) { return window_writes(window_target(try)); }
uint64_t attempt_window_write_l1(const struct try *try) { return window_writes(try->page) || attempt_window_l1(try); }

static uint64_t deeper(volatile uint64_t *above)
{
    volatile uint64_t here[32];
    here[0] = *above + 1;
    return here[0] == 0 ? 0 : deeper(here) + here[0];  // never 0, which the compiler can't know
}

uint64_t attempt_stack_overflow(const struct try *try)
{
    volatile uint64_t here = try->parameter;
    return deeper(&here);
}

uint64_t attempt_state_kept(const struct try *try)
{
    (void)try;
    state_set(&plan.committed, STATE_VALUE);
    return 0;
}

uint64_t attempt_state_lost(const struct try *try)
{
    (void)try;
    state_set(&plan.committed, 0);
    __builtin_trap();
}

uint64_t attempt_state_rolled_back(const struct try *try)
{
    (void)try;
    return plan.committed != STATE_VALUE;
}

uint64_t selectors_visible(void);  // instruction.S

uint64_t attempt_selectors(const struct try *try)
{
    (void)try;
    return selectors_visible();
}

extern void (*const instruction_code[INSTRUCTION_COUNT])(void);  // instruction.S

uint64_t attempt_instruction(const struct try *try)
{
    instruction_code[try->parameter]();
    return 0;
}

// Header, constants, code (one behind the other, up to the page of the data), and the info page. FNV-1a by quadwords.
uint64_t attempt_hash(const struct try *try)
{
    const uint64_t range[2][2] = { { IMAGE_BASE, at(data) & PAGE_MASK }, { INFO_BASE, INFO_BASE + PAGE_BYTES } };
    uint64_t hash = 0xcbf29ce484222325;
    (void)try;
    for (unsigned i = 0; i < 2; i++)
        for (uint64_t address = range[i][0]; address < range[i][1]; address += 8)
            hash = (hash ^ *(const volatile uint64_t *)(uintptr_t)address) * 0x100000001b3;
    return hash;
}

uint64_t attempt_never_replies(const struct try *try)
{
    while (try->parameter != 1 || rt_invoke() == STATUS_OK)
        ;
    return 0;
}

uint64_t attempt_never_replies_twice(const struct try *try) { return attempt_never_replies(try); }

uint64_t attempt_fault_twice(const struct try *try)
{
    (void)try;
    __builtin_trap();
}

uint64_t attempt_fault_thrice(const struct try *try)
{
    (void)try;
    __builtin_trap();
}

// Not by state_set(): this one is to stay.
uint64_t attempt_fault_in_init(const struct try *try)
{
    (void)try;
    *(volatile uint64_t *)&plan.fault_in_init = 1;
    __builtin_trap();
}
