/* SPDX-License-Identifier: BSD-2-Clause */
/* UEFI application: says that it was started, and with what, then powers the machine off. Stands in for an operating
 * system where a test ends at the loader. */
#include <efi.h>
#include <efilib.h>

/* gnu-efi's start code calls it by the System V convention. */
EFI_STATUS efi_main(EFI_HANDLE self, EFI_SYSTEM_TABLE *system);

EFI_STATUS efi_main(EFI_HANDLE self, EFI_SYSTEM_TABLE *system)
{
    InitializeLib(self, system);

    EFI_GUID guid = EFI_LOADED_IMAGE_PROTOCOL_GUID;
    EFI_LOADED_IMAGE *me;
    EFI_STATUS status = BS->HandleProtocol(self, &guid, (VOID **)&me);
    if (EFI_ERROR(status)) {
        return status;
    }
    Print(L"marker: started options=%s\r\n", me->LoadOptionsSize ? me->LoadOptions : L"");
    RT->ResetSystem(EfiResetShutdown, EFI_SUCCESS, 0, NULL);
    return EFI_ABORTED;
}
