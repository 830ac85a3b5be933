// SPDX-License-Identifier: BSD-2-Clause
// Takes a CPU's state as the firmware left it and switches to the kernel.
#include "launch.h"

#include <stddef.h>

#include "../cpu.h"
#include "cr.h"
#include "descriptor.h"
#include "fields.h"
#include "msr.h"
#include "pagetable.h"
#include "segment.h"
#include "text.h"
#include "vtx.h"

_Static_assert(offsetof(struct launch_state, entry.rip) == 0 && offsetof(struct launch_state, entry.rsp) == 8 && offsetof(struct launch_state, entry.rflags) == 16 &&
               offsetof(struct launch_state, cr0) == 24 && offsetof(struct launch_state, cr3) == 32 && offsetof(struct launch_state, cr4) == 40 &&
               offsetof(struct launch_state, segment) == 104 && offsetof(struct launch_segment, selector) == 16 &&
               sizeof(struct launch_segment) == 24 && LAUNCH_ES == 0 && LAUNCH_GS == 5 && offsetof(struct launch_state, gdtr_base) == 296 &&
               offsetof(struct launch_state, idtr_base) == 304 && offsetof(struct launch_state, gdtr_limit) == 312 &&
               offsetof(struct launch_state, idtr_limit) == 314 && offsetof(struct launch_state, host_gdtr) == 316 &&
               offsetof(struct launch_state, host_cr0) == 328, "switch.S knows the layout");
_Static_assert(SELECTOR_KERNEL_CS == 0x08 && SELECTOR_KERNEL_SS == 0x10 && SELECTOR_TSS == 0x38 && INFO_BASE == 0x20000000, "switch.S knows these");

uint32_t launch_switch(struct launch_state *state, uint64_t tables, uint64_t entry, uint64_t info, uint32_t cpu, uint64_t stack)
    __attribute__((visibility("hidden")));
extern const char launch_failed[] __attribute__((visibility("hidden")));
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

// Maps hidden memory from there to the end, but for the guard pages in the CPU blocks, which come last.
static bool map_hidden(struct pagetable *tables, const struct boot_info *info, uint64_t from, uint64_t end)
{
    static const uint32_t guards[] = { CPU_IST_GUARD, CPU_STACK_GUARD };
    for (uint64_t block = info->cpu_blocks; block < end; block += CPU_BLOCK_BYTES) {
        for (unsigned i = 0; i < sizeof(guards) / sizeof(guards[0]); i++) {
            uint64_t guard = block + guards[i];
            if (!pagetable_map(tables, HIDDEN_BASE + from, from, guard - from, PAGE_WRITE))
                return false;
            from = guard + PAGE_BYTES;
        }
    }
    return pagetable_map(tables, HIDDEN_BASE + from, from, end - from, PAGE_WRITE);
}

// The kernel's own tables: its segments, hidden memory without what is constant in the kernel, so that nothing is both writable and executable at any
// address, and without stack guards, and the local APIC.
static bool make_kernel_tables(struct pagetable *tables, const struct memory *memory, const struct elf_kernel *kernel, const struct boot_info *info)
{
    uint64_t base = info->kernel_base;
    uint64_t constant = 0;
    for (unsigned i = 0; i < kernel->segment_count; i++)
        if (!kernel->segment[i].write)
            constant = kernel->segment[i].address + kernel->segment[i].bytes - KERNEL_BASE;
    uint64_t end = memory->base + memory->bytes;
    bool done = pagetable_start(tables);
    for (unsigned i = 0; done && i < info->vtd_count; i++)
        done = pagetable_map(tables, VTD_VA + i * PAGE_BYTES, info->vtd[i].base, PAGE_BYTES, PAGE_WRITE | PAGE_UNCACHED);
    return done && map_kernel(tables, kernel, base) &&
           pagetable_map(tables, HIDDEN_BASE + memory->base, memory->base, base - memory->base, PAGE_WRITE) &&
           map_hidden(tables, info, base + constant, end) &&
           pagetable_map(tables, LAPIC_VA, msr_read(MSR_APIC_BASE) & APIC_BASE_ADDRESS, PAGE_BYTES, PAGE_WRITE | PAGE_UNCACHED);
}

bool launch_prepare(struct launch *launch, struct memory *memory, const struct elf_kernel *kernel, bool no_execute)
{
    struct boot_info *info = launch->info;
    launch->entry = kernel->entry;
    launch->state = (struct launch_state *)(uintptr_t)memory_take(memory, CPU_MAX * sizeof(struct launch_state));
    if (!launch->state)
        return false;
    for (unsigned i = 0; i < CPU_MAX; i++)
        info->launch[i] = (const struct launch_entry *)(uintptr_t)(HIDDEN_BASE + (uint64_t)(uintptr_t)&launch->state[i].entry);
    // The rest of the block is there for tables; what they don't use becomes the kernel's.
    struct pagetable tables = {
        .next_page = memory->base + memory->used,
        .end = memory->base + memory->bytes - memory->top,
        .no_execute = no_execute,
    };
    uint64_t code = (uint64_t)(uintptr_t)&launch_switch & PAGE_MASK;
    uint64_t code_end = ((uint64_t)(uintptr_t)launch_switch_end + PAGE_BYTES - 1) & PAGE_MASK;
    if (!pagetable_start(&tables) || !pagetable_map(&tables, code, code, code_end - code, PAGE_EXECUTE) ||
        !pagetable_map(&tables, HIDDEN_BASE + memory->base, memory->base, memory->bytes, PAGE_WRITE) ||
        !map_kernel(&tables, kernel, info->kernel_base))
        return false;
    info->loader_tables = tables.root;
    info->loader_return = (uint64_t)(uintptr_t)launch_failed;
    struct pagetable own = { .next_page = tables.next_page, .end = tables.end, .no_execute = true, .kernel = true };
    if (!make_kernel_tables(&own, memory, kernel, info))
        return false;
    info->kernel_tables = own.root;
    memory->used = own.next_page - memory->base;
    return true;
}

static void capture_segments(struct launch_state *state)
{
    struct descriptor_table table = gdt_read();
    struct segment_table gdt = {(const uint8_t *)(uintptr_t)table.base, table.limit};
    state->gdtr_base = table.base;
    state->gdtr_limit = table.limit;
    segment_read(&state->segment[LAUNCH_ES], gdt, es_read());
    segment_read(&state->segment[LAUNCH_CS], gdt, cs_read());
    segment_read(&state->segment[LAUNCH_SS], gdt, ss_read());
    segment_read(&state->segment[LAUNCH_DS], gdt, ds_read());
    segment_read(&state->segment[LAUNCH_FS], gdt, fs_read());
    segment_read(&state->segment[LAUNCH_GS], gdt, gs_read());
    segment_read_ldtr(&state->segment[LAUNCH_LDTR], gdt, ldtr_read());
    segment_read_tr(&state->segment[LAUNCH_TR], gdt, tr_read());
    state->segment[LAUNCH_FS].base = msr_read(MSR_FS_BASE);
    state->segment[LAUNCH_GS].base = msr_read(MSR_GS_BASE);
    table = idt_read();
    state->idtr_base = table.base;
    state->idtr_limit = table.limit;
}

static void capture_registers(struct launch_state *state)
{
    state->cr0 = cr0_read();
    state->cr3 = cr3_read();
    state->cr4 = cr4_read();
    state->dr7 = dr7_read();
    state->efer = msr_read(MSR_EFER);
    state->pat = msr_read(MSR_PAT);
    state->debugctl = msr_read(MSR_DEBUGCTL);
    state->sysenter_cs = msr_read(MSR_SYSENTER_CS);
    state->sysenter_esp = msr_read(MSR_SYSENTER_ESP);
    state->sysenter_eip = msr_read(MSR_SYSENTER_EIP);
}

// L0's, as far as it holds under the firmware, too. The rest is switch.S' (GDT, selectors, FS' base, CR0: with TS set the firmware's interrupt handlers, which
// save vector registers, would fault) and the kernel's own.
static void enter_host(const struct vmx_caps *caps, struct launch_state *state, const struct cpu *cpu)
{
    dr7_write(DR7_RESET);
    msr_write(MSR_DEBUGCTL, 0);
    msr_write(MSR_EFER, state->efer | EFER_NXE);
    msr_write(MSR_SYSENTER_CS, SELECTOR_KERNEL_CS);
    msr_write(MSR_SYSENTER_ESP, HIDDEN_BASE + (uint64_t)(uintptr_t)cpu + offsetof(struct cpu, tss.rsp0));
    state->host_gdtr = cpu->gdtr;
    state->host_cr0 = caps->host_cr0 | (state->cr0 & (CR0_CD | CR0_NW));
}

// What launch_failed hasn't brought back: all but TR, which can't be given its null selector back.
static void restore_registers(const struct launch_state *state)
{
    dr7_write(state->dr7);
    msr_write(MSR_EFER, state->efer);
    msr_write(MSR_PAT, state->pat);
    msr_write(MSR_DEBUGCTL, state->debugctl);
    msr_write(MSR_SYSENTER_CS, state->sysenter_cs);
    msr_write(MSR_SYSENTER_ESP, state->sysenter_esp);
    msr_write(MSR_SYSENTER_EIP, state->sysenter_eip);
    msr_write(MSR_FS_BASE, state->segment[LAUNCH_FS].base);
    msr_write(MSR_GS_BASE, state->segment[LAUNCH_GS].base);
}

// Runs on the CPU in question.
static void EFIAPI turn(void *argument)
{
    struct launch *launch = argument;
    struct boot_info *info = launch->info;
    struct launch_state *state = &launch->state[launch->cpu];
    uint64_t block = info->cpu_blocks + launch->cpu * (uint64_t)CPU_BLOCK_BYTES, stack = HIDDEN_BASE + block + CPU_STACK_TOP;
    uint64_t feature_control = msr_read(MSR_FEATURE_CONTROL);
    if (!(feature_control & FEATURE_LOCK))
        msr_write(MSR_FEATURE_CONTROL, feature_control | FEATURE_LOCK | FEATURE_VMX);
    capture_segments(state);
    capture_registers(state);
    fields_launch(&info->vmcs01[launch->cpu], info, state);
    enter_host(&info->vmx, state, (const struct cpu *)(uintptr_t)block);
    launch->launched = launch_switch(state, info->loader_tables, launch->entry, HIDDEN_BASE + (uint64_t)(uintptr_t)info, launch->cpu, stack) == 0;
    // As L1 this CPU can't see the boot information any more; one that failed can.
    if (launch->launched)
        return;
    restore_registers(state);
    const char *why = (const char *)(uintptr_t)(info->kernel_base + ((uintptr_t)info->error - KERNEL_BASE));
    text_format(launch->error, sizeof(launch->error), "%s", why);
}

bool launch_cpu(struct launch *launch, uint32_t cpu)
{
    launch->cpu = cpu;
    launch->launched = false;
    if (!cpus_run(launch->cpus, cpu, turn, launch))
        text_format(launch->error, sizeof(launch->error), "the firmware could not run it");
    return launch->launched;
}
