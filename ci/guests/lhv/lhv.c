// SPDX-License-Identifier: BSD-2-Clause
// lhv.efi: a hypervisor that tests nested VMX as the SDM has it, on all CPUs, on the bare machine or on Bulkhead.

#include <efi.h>

#include "abort.h"
#include "cpu.h"
#include "cpu_insn.h"
#include "ept12.h"
#include "hidden.h"
#include "memory.h"
#include "mp_services.h"
#include "options.h"
#include "peer.h"
#include "serial.h"
#include "test.h"
#include "trap.h"
#include "vmcs.h"
#include "x86.h"

#define ARENA_PAGES 2048
#define LOW_PAGES   2

struct hidden hidden;

// gnu-efi's start code calls it by the System V convention; by the second name in later versions.
EFI_STATUS efi_main(EFI_HANDLE self, EFI_SYSTEM_TABLE *system);
EFI_STATUS _entry(EFI_HANDLE self, EFI_SYSTEM_TABLE *system) __attribute__((alias("efi_main")));

_Noreturn void cpu_on_stack(void (*what)(struct cpu *), struct cpu *c, uint8_t *stack);

static _Noreturn void give_up(const char *why, const char *what)
{
    serial_text("lhv: error ");
    serial_text(why);
    serial_text(what);
    serial_text("\r\n");
    power_off();
}

static uint64_t pages(EFI_SYSTEM_TABLE *system, uint64_t below, uint64_t count)
{
    const uint64_t base = memory_below(system, below, count);
    if (base == 0)
        give_up("no memory below ", below > 0x100000 ? "4 GiB" : "1 MiB");
    return base;
}

static const CHAR16 *load_options(EFI_HANDLE self, EFI_SYSTEM_TABLE *system)
{
    EFI_GUID guid = EFI_LOADED_IMAGE_PROTOCOL_GUID;
    EFI_LOADED_IMAGE *me;
    if (EFI_ERROR(system->BootServices->HandleProtocol(self, &guid, (VOID **)&me)) || me->LoadOptionsSize == 0)
        return L"";
    return me->LoadOptions;
}

static void say_end(void)
{
    static const char *const name[] = { " ok=", " fail=", " skip=" };
    uint64_t sum[3] = { 0 };
    for (unsigned i = 0; i < cpu_count; i++) {
        sum[0] += cpus[i].ran;
        sum[1] += cpus[i].failed;
        sum[2] += cpus[i].skipped;
    }
    serial_text("lhv: done cpus=");
    serial_number(cpu_count, 10);
    for (unsigned i = 0; i < 3; i++) {
        serial_text(name[i]);
        serial_number(sum[i], 10);
    }
    serial_text("\r\n");
}

static void say_hidden(void)
{
    serial_text("lhv: hidden first=0x");
    serial_number(hidden.first, 16);
    serial_text(" end=0x");
    serial_number(hidden.end, 16);
    serial_text("\r\n");
}

// Whether the CPU has that capability MSR (SDM 3D A.1 to A.11).
static bool has_capability(uint32_t msr)
{
    const bool proc2 = HAS(PROC, SECONDARY_CONTROLS);
    switch (msr) {
    case MSR_VMX_PROC2: return proc2;
    case MSR_VMX_EPT_VPID: return proc2 && (HAS(PROC2, ENABLE_EPT) || HAS(PROC2, ENABLE_VPID));
    case MSR_VMX_VMFUNC: return proc2 && HAS(PROC2, ENABLE_VMFUNC);
    default: return msr <= MSR_VMX_ENUM || msr_read(MSR_VMX_BASIC) >> 55 & 1;
    }
}

// The machine's own on the bare machine, what L1 is offered on Bulkhead. Before any other CPU says something.
static void say_capabilities(void)
{
    for (uint32_t msr = MSR_VMX_BASIC; msr <= MSR_VMX_VMFUNC; msr++) {
        if (!has_capability(msr))
            continue;
        serial_text("lhv: msr 0x");
        serial_number(msr, 16);
        serial_text("=0x");
        serial_number(msr_read(msr), 16);
        serial_text("\r\n");
    }
}

static void cpu_main(struct cpu *c)
{
    for (uint64_t i = 0; i < options.iterations; i++) {
        test_themes(c);
        test_random(c);
        if (c->index == 0)
            peer_themes();
        else
            peer_serve();
    }
    peer_meet();
    if (c->index == 0) {
        c->theme = "abort";
        abort_tests();
        say_end();
        power_off();
    }
    peer_listen();
    for (;;)
        halt();
}

static void EFIAPI cpu_first(void *argument)
{
    struct cpu *c = argument;
    cpu_start(c);
    cpu_on_stack(cpu_main, c, c->stack);
}

EFI_STATUS efi_main(EFI_HANDLE self, EFI_SYSTEM_TABLE *system)
{
    char bad[OPTION_MAX];
    if (!options_parse(load_options(self, system), bad))
        give_up("unknown option ", bad);
    EFI_GUID guid = MP_SERVICES_GUID;
    struct mp_services *mp;
    UINTN all, enabled, me;
    if (EFI_ERROR(system->BootServices->LocateProtocol(&guid, NULL, (VOID **)&mp)) || EFI_ERROR(mp->count(mp, &all, &enabled)) ||
        EFI_ERROR(mp->who_am_i(mp, &me)) || all > CPU_MAX)
        give_up("the firmware doesn't say which CPUs there are", "");
    memory_use(pages(system, 1ull << 32, ARENA_PAGES), ARENA_PAGES);
    trap_prepare();
    hidden = hidden_find(system);
    if (hidden.end > 0)
        say_hidden();
    if (cpuid(1).ecx & CPUID_VMX)
        say_capabilities();

    UINTN number[CPU_MAX];
    for (UINTN i = 0; i < all + 1; i++) {  // this one first
        struct mp_processor info;
        const UINTN n = i ? i - 1 : me;
        if ((i && n == me) || EFI_ERROR(mp->info(mp, n, &info)) || !(info.status & MP_PROCESSOR_ENABLED))
            continue;
        number[cpu_count] = n;
        cpu_prepare(cpu_count, (uint32_t)info.processor_id, (uint8_t *)(uintptr_t)pages(system, 0xa0000, LOW_PAGES));
        ept12_prepare(&cpus[cpu_count++]);
    }
    for (unsigned i = 1; i < cpu_count; i++) {
        EFI_EVENT event;
        if (EFI_ERROR(system->BootServices->CreateEvent(0, TPL_CALLBACK, NULL, NULL, &event)) ||
            EFI_ERROR(mp->start_this(mp, cpu_first, number[i], event, 0, &cpus[i], NULL)))
            give_up("a CPU doesn't start", "");
    }
    cpu_first(&cpus[0]);
    return EFI_ABORTED;
}
