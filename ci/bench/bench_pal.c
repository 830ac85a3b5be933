// SPDX-License-Identifier: BSD-2-Clause
// bench_pal.efi: a program in user mode that has PALs, on one CPU. As bench.efi otherwise.

#include <efi.h>

#include "console.h"
#include <caps/exit_reason.h>
#include <trustvisor/abi.h>

#include "cpu_insn.h"
#include "ept12.h"
#include "l2.h"
#include "memory.h"
#include "row.h"
#include "timer.h"
#include "trap.h"
#include "user.h"
#include "vmcs12.h"
#include "vmx_insn.h"

#define CPUID_VMX    (1u << 5)
#define MEMORY_PAGES 64

static void code_pals(void)
{
    user_enter();
    row_pal_l2();
    for (;;)
        (void)vmcall(0, 0);
}

// An L2 that is a program, if trustvisor and nested VMX are there.
static void run_l2(void)
{
    const struct cpuid leaf = cpuid(TV_CPUID);
    if (leaf.eax != TV_CPUID_ANSWER || !(cpuid(1).ecx & CPUID_VMX))
        return;
    vmcs12_prepare(ept12_build());
    l2_start(code_pals);
    const enum exit_reason reason = l2_run();
    if (reason != EXIT_VMCALL)
        console_error("L2 ends by exit", reason);
}

// gnu-efi's start code calls it by the System V convention; by the second name in later versions.
EFI_STATUS efi_main(EFI_HANDLE self, EFI_SYSTEM_TABLE *system);
EFI_STATUS _entry(EFI_HANDLE self, EFI_SYSTEM_TABLE *system) __attribute__((alias("efi_main")));

EFI_STATUS efi_main(EFI_HANDLE self, EFI_SYSTEM_TABLE *system)
{
    (void)self;
    const uint64_t base = memory_below(system, 1ull << 32, MEMORY_PAGES);
    if (base == 0)
        console_error("no memory for pages", MEMORY_PAGES);
    interrupts_off();
    memory_use(base, MEMORY_PAGES);
    trap_install();
    timer_prepare();
    run_l2();
    user_enter();
    row_pal();
    console_line("done", 1);
    power_off();
}
