// SPDX-License-Identifier: BSD-2-Clause
// state.efi: says on COM1 what state each CPU is in: `state CPU NAME 0xVALUE`. On Bulkhead it must be the one that the firmware left.

#include <efi.h>

#include "mp_services.h"
#include "read_insn.h"
#include "serial.h"

// gnu-efi's start code calls it by the System V convention; by the second name in later versions.
EFI_STATUS efi_main(EFI_HANDLE self, EFI_SYSTEM_TABLE *system);
EFI_STATUS _entry(EFI_HANDLE self, EFI_SYSTEM_TABLE *system) __attribute__((alias("efi_main")));

#define VALUES 128
#define CPUID_OSXSAVE (1u << 27)

struct state {
    unsigned count;
    struct { const char *name; unsigned index; uint64_t value; } value[VALUES];
};

static void note(struct state *state, const char *name, unsigned index, uint64_t value)
{
    if (state->count == VALUES)
        return;
    state->value[state->count].name = name;
    state->value[state->count].index = index;
    state->value[state->count++].value = value;
}

static const struct { const char *name; uint32_t first, last; } msrs[] = {
    {"apic_base", 0x1b, 0x1b}, {"feature_control", 0x3a, 0x3a}, {"mtrr_cap", 0xfe, 0xfe}, {"sysenter", 0x174, 0x176}, {"misc_enable", 0x1a0, 0x1a0},
    {"debugctl", 0x1d9, 0x1d9}, {"mtrr_variable", 0x200, 0x20f}, {"mtrr_fixed_64k", 0x250, 0x250}, {"mtrr_fixed_16k", 0x258, 0x259},
    {"mtrr_fixed_4k", 0x268, 0x26f}, {"pat", 0x277, 0x277}, {"mtrr_default", 0x2ff, 0x2ff}, {"efer", 0xc0000080, 0xc0000080},
    {"star", 0xc0000081, 0xc0000084}, {"fs_base", 0xc0000100, 0xc0000100}, {"gs_base", 0xc0000101, 0xc0000101},
    {"kernel_gs_base", 0xc0000102, 0xc0000102},
};

static void note_segment(struct state *state, const char *name, uint64_t selector)
{
    note(state, name, 0, selector);
    note(state, name, 1, rights_of(selector));
    note(state, name, 2, limit_of(selector));
}

// On the CPU in question.
static void EFIAPI take(void *argument)
{
    struct state *state = argument;
    const struct table_register gdt = gdt_read(), idt = idt_read();
    state->count = 0;
    note(state, "rflags", 0, rflags_read() & ~0x8d5ull);  // but for what every instruction changes
    note(state, "cr0", 0, cr0_read());
    note(state, "cr3", 0, cr3_read());
    note(state, "cr4", 0, cr4_read());
    note(state, "cr8", 0, cr8_read());
    note(state, "dr", 0, dr0_read());
    note(state, "dr", 1, dr1_read());
    note(state, "dr", 2, dr2_read());
    note(state, "dr", 3, dr3_read());
    note(state, "dr", 6, dr6_read());
    note(state, "dr", 7, dr7_read());
    note_segment(state, "cs", cs_read());
    note_segment(state, "ss", ss_read());
    note_segment(state, "ds", ds_read());
    note_segment(state, "es", es_read());
    note_segment(state, "fs", fs_read());
    note_segment(state, "gs", gs_read());
    note_segment(state, "ldtr", ldtr_read());
    note_segment(state, "tr", tr_read());
    note(state, "gdt_base", 0, gdt.base);
    note(state, "gdt_limit", 0, gdt.limit);
    note(state, "idt_base", 0, idt.base);
    note(state, "idt_limit", 0, idt.limit);
    note(state, "fpu_control", 0, fpu_control_read());
    note(state, "mxcsr", 0, mxcsr_read());
    note(state, "osxsave", 0, cpuid(1).ecx & CPUID_OSXSAVE);
    if (cpuid(1).ecx & CPUID_OSXSAVE)
        note(state, "xcr0", 0, xcr0_read());
    for (unsigned i = 0; i < sizeof(msrs) / sizeof(msrs[0]); i++)
        for (uint32_t msr = msrs[i].first; msr <= msrs[i].last; msr++)
            note(state, msrs[i].name, msr - msrs[i].first, msr_read(msr));
}

static void say(unsigned cpu, const struct state *state)
{
    for (unsigned i = 0; i < state->count; i++) {
        serial_text("state ");
        serial_number(cpu, 10);
        serial_text(" ");
        serial_text(state->value[i].name);
        serial_text(".");
        serial_number(state->value[i].index, 10);
        serial_text(" 0x");
        serial_number(state->value[i].value, 16);
        serial_text("\r\n");
    }
}

EFI_STATUS efi_main(EFI_HANDLE self, EFI_SYSTEM_TABLE *system)
{
    static struct state state;
    EFI_GUID guid = MP_SERVICES_GUID;
    struct mp_services *mp = NULL;
    UINTN all = 1, enabled = 1, me = 0;
    (void)self;
    if (!EFI_ERROR(system->BootServices->LocateProtocol(&guid, NULL, (VOID **)&mp))) {
        mp->count(mp, &all, &enabled);
        mp->who_am_i(mp, &me);
    }
    for (UINTN cpu = 0; cpu < all; cpu++) {
        state.count = 0;
        if (cpu == me)
            take(&state);
        else
            mp->start_this(mp, take, cpu, NULL, 0, &state, NULL);
        say((unsigned)cpu, &state);
    }
    serial_text("state done\r\n");
    power_off();
}
