/* SPDX-License-Identifier: BSD-2-Clause */
/* Keeps the other CPUs quiet between the end of boot services and the operating system's start of them. */
#include "quiet.h"

#include <efilib.h>

#include "lapic.h"

static EFI_EXIT_BOOT_SERVICES firmware_exit;

static EFI_STATUS EFIAPI exit_boot_services(EFI_HANDLE image, UINTN map_key)
{
    EFI_STATUS status = firmware_exit(image, map_key);
    if (!EFI_ERROR(status)) {
        lapic_init_all_others();
    }
    return status;
}

EFI_STATUS quiet_after_boot_services(void)
{
    EFI_TPL before = BS->RaiseTPL(TPL_HIGH_LEVEL);
    firmware_exit = BS->ExitBootServices;
    BS->ExitBootServices = exit_boot_services;
    BS->Hdr.CRC32 = 0;
    UINT32 crc;
    EFI_STATUS status = BS->CalculateCrc32(BS, BS->Hdr.HeaderSize, &crc);
    BS->Hdr.CRC32 = crc;
    BS->RestoreTPL(before);
    return status;
}
