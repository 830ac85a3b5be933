// SPDX-License-Identifier: BSD-2-Clause
// Takes a CPU's state as the firmware left it and switches to the kernel.
#include "launch.h"

#include <stddef.h>

#include <caps/status.h>

#include "descriptor.h"
#include "msr.h"
#include "pagetable.h"
#include "segment.h"
#include "text.h"

_Static_assert(offsetof(struct launch_state, rip) == 0 && offsetof(struct launch_state, rsp) == 8 && offsetof(struct launch_state, rflags) == 16 &&
               offsetof(struct launch_state, rbx) == 24 && offsetof(struct launch_state, rbp) == 32 && offsetof(struct launch_state, r12) == 40 &&
               offsetof(struct launch_state, r13) == 48 && offsetof(struct launch_state, r14) == 56 && offsetof(struct launch_state, r15) == 64 &&
               offsetof(struct launch_state, cr3) == 72, "switch.S knows the layout");

uint64_t launch_switch(struct launch_state *state, uint64_t tables, uint64_t entry, uint64_t info, uint32_t cpu, uint64_t stack)
    __attribute__((visibility("hidden")));
extern const char launch_switch_end[] __attribute__((visibility("hidden")));

static bool map_kernel(struct pagetable *tables, const struct elf_kernel *kernel, uint64_t base)
{
    for (unsigned i = 0; i < kernel->segment_count; i++) {
        const struct kernel_segment *s = &kernel->segment[i];
        unsigned rights = (s->write ? PAGE_WRITE : 0u) | (s->execute ? PAGE_EXECUTE : 0u);
        if (!pagetable_map(tables, s->address, base + (s->address - KERNEL_BASE), s->bytes, rights))
            return false;
    }
    return true;
}

// The kernel's own tables: its segments, hidden memory without what is constant in the kernel, so that nothing is both writable and executable at any
// address, and the local APIC.
static bool make_kernel_tables(struct pagetable *tables, const struct memory *memory, const struct elf_kernel *kernel, uint64_t base)
{
    uint64_t constant = 0;
    for (unsigned i = 0; i < kernel->segment_count; i++)
        if (!kernel->segment[i].write)
            constant = kernel->segment[i].address + kernel->segment[i].bytes - KERNEL_BASE;
    uint64_t end = memory->base + memory->bytes;
    return pagetable_start(tables) && map_kernel(tables, kernel, base) &&
           pagetable_map(tables, HIDDEN_BASE + memory->base, memory->base, base - memory->base, PAGE_WRITE) &&
           pagetable_map(tables, HIDDEN_BASE + base + constant, base + constant, end - base - constant, PAGE_WRITE) &&
           pagetable_map(tables, LAPIC_VA, msr_read(MSR_APIC_BASE) & APIC_BASE_ADDRESS, PAGE_BYTES, PAGE_WRITE | PAGE_UNCACHED);
}

bool launch_prepare(struct launch *launch, struct memory *memory, const struct elf_kernel *kernel, bool no_execute)
{
    struct boot_info *info = launch->info;
    launch->entry = kernel->entry;
    launch->stack = memory_take(memory, PAGE_BYTES);
    if (!launch->stack)
        return false;
    launch->stack += PAGE_BYTES + HIDDEN_BASE;

    // The rest of the block is there for tables; what they don't use becomes the kernel's.
    struct pagetable tables = {
        .next_page = memory->base + memory->used,
        .end = memory->base + memory->bytes,
        .no_execute = no_execute,
    };
    uint64_t code = (uint64_t)(uintptr_t)&launch_switch & PAGE_MASK;
    uint64_t code_end = ((uint64_t)(uintptr_t)launch_switch_end + PAGE_BYTES - 1) & PAGE_MASK;
    if (!pagetable_start(&tables) || !pagetable_map(&tables, code, code, code_end - code, PAGE_EXECUTE) ||
        !pagetable_map(&tables, HIDDEN_BASE + memory->base, memory->base, memory->bytes, PAGE_WRITE) ||
        !map_kernel(&tables, kernel, info->kernel_base))
        return false;
    launch->tables = tables.root;
    struct pagetable own = { .next_page = tables.next_page, .end = tables.end, .no_execute = true, .kernel = true };
    if (!make_kernel_tables(&own, memory, kernel, info->kernel_base))
        return false;
    info->kernel_tables = own.root;
    memory->used = own.next_page - memory->base;
    info->hidden_base = memory->base;
    info->hidden_bytes = memory->bytes;
    info->free_base = memory->base + memory->used;
    info->free_bytes = memory->bytes - memory->used;
    return true;
}

static void capture_segments(struct launch_state *state)
{
    struct descriptor_table table = gdt_read();
    struct segment_table gdt = {(const uint8_t *)(uintptr_t)table.base, table.limit};
    state->gdtr_base = table.base;
    state->gdtr_limit = table.limit;
    segment_read(&state->es, gdt, es_read());
    segment_read(&state->cs, gdt, cs_read());
    segment_read(&state->ss, gdt, ss_read());
    segment_read(&state->ds, gdt, ds_read());
    segment_read(&state->fs, gdt, fs_read());
    segment_read(&state->gs, gdt, gs_read());
    segment_read_ldtr(&state->ldtr, gdt, ldtr_read());
    segment_read_tr(&state->tr, gdt, tr_read());
    state->fs.base = msr_read(MSR_FS_BASE);
    state->gs.base = msr_read(MSR_GS_BASE);
    table = idt_read();
    state->idtr_base = table.base;
    state->idtr_limit = table.limit;
}

// Runs on the CPU in question.
static void EFIAPI turn(void *argument)
{
    struct launch *launch = argument;
    struct boot_info *info = launch->info;
    struct launch_state *state = &info->launch[launch->cpu];
    capture_segments(state);
    launch->status = launch_switch(state, launch->tables, launch->entry, HIDDEN_BASE + (uint64_t)(uintptr_t)info, launch->cpu, launch->stack);
    // As L1 this CPU can't see the boot information any more; one that failed can.
    if (launch->status != STATUS_OK)
        text_format(launch->error, sizeof(launch->error), "%.*s", (int)sizeof(launch->error) - 1, info->error[launch->cpu]);
}

bool launch_cpu(struct launch *launch, uint32_t cpu)
{
    launch->cpu = cpu;
    launch->status = STATUS_COUNT;
    launch->error[0] = 0;
    if (!cpus_run(launch->cpus, cpu, turn, launch))
        text_format(launch->error, sizeof(launch->error), "the firmware could not run it");
    else if (launch->status != STATUS_OK && !launch->error[0])
        text_format(launch->error, sizeof(launch->error), "%s", status_text((enum status)launch->status));
    return launch->status == STATUS_OK;
}
