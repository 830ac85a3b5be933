// SPDX-License-Identifier: BSD-2-Clause
// leave.efi: gives the machine back to the firmware, which then goes on with its boot order, now on Bulkhead. It is the next image of an
// installation that has no boot loader to start by itself.
#include <efi.h>

/* gnu-efi's start code calls it by the System V convention. */
EFI_STATUS efi_main(EFI_HANDLE self, EFI_SYSTEM_TABLE *system);
/* What the start code of newer gnu-efi calls. */
EFI_STATUS _entry(EFI_HANDLE self, EFI_SYSTEM_TABLE *system) __attribute__((alias("efi_main")));

EFI_STATUS efi_main(EFI_HANDLE self, EFI_SYSTEM_TABLE *system)
{
    // An error: a boot manager stops at a boot option that succeeded (UEFI 2.10, 3.1.1 "Boot Manager Programming"). Not by returning: gnu-efi's
    // start code doesn't keep RSI and RDI, which the firmware's calling convention wants back.
    system->BootServices->Exit(self, EFI_NOT_FOUND, 0, NULL);
    return EFI_NOT_FOUND;
}
