// SPDX-License-Identifier: BSD-2-Clause
// bench.efi: an L1 hypervisor of its own on one CPU, on the bare machine or on Bulkhead. Prints `bench NAME VALUE` lines on COM1,
// medians in ticks of the time-stamp counter (in the emulator: instructions), and powers off.

#include <efi.h>

#include "console.h"
#include "cpu_insn.h"
#include "ept12.h"
#include "memory.h"
#include "row.h"
#include "trap.h"
#include "vmcs12.h"

#define MEMORY_PAGES 768

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

    row_l1_cpuid();
    row_null_message();
    vmcs12_prepare(ept12_build());
    row_l2_cpuid();
    row_vmx_instructions();
    row_l2_resolved();
    row_ept02();
    row_invept();
    row_vmclear();
    console_line("done", 1);
    power_off();
}
