// SPDX-License-Identifier: BSD-2-Clause
// bench_pal.efi: a program in user mode that has PALs, on one CPU. As bench.efi otherwise.

#include <efi.h>

#include "console.h"
#include "cpu_insn.h"
#include "memory.h"
#include "row.h"
#include "timer.h"
#include "trap.h"
#include "user.h"

#define MEMORY_PAGES 16

// gnu-efi's start code calls it by the System V convention; by the second name in later versions.
EFI_STATUS efi_main(EFI_HANDLE self, EFI_SYSTEM_TABLE *system);
EFI_STATUS _entry(EFI_HANDLE self, EFI_SYSTEM_TABLE *system) __attribute__((alias("efi_main")));

EFI_STATUS efi_main(EFI_HANDLE self, EFI_SYSTEM_TABLE *system)
{
    (void)self;
    EFI_PHYSICAL_ADDRESS base = 0xffffffff;
    if (EFI_ERROR(system->BootServices->AllocatePages(AllocateMaxAddress, EfiBootServicesData, MEMORY_PAGES, &base)))
        console_error("no memory for pages", MEMORY_PAGES);
    interrupts_off();
    memory_use(base, MEMORY_PAGES);
    trap_install();
    timer_prepare();
    user_enter();
    row_pal();
    console_line("done", 1);
    power_off();
}
