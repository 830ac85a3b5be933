// SPDX-License-Identifier: BSD-2-Clause
// UEFI as the loader uses it: what efi_main was given, for all files that call the firmware.
#pragma once

#include <efi.h>

struct firmware {
    EFI_HANDLE self;             // this image
    EFI_HANDLE device;           // the volume that it came from
    EFI_LOADED_IMAGE *image;
    EFI_SYSTEM_TABLE *system;
    EFI_BOOT_SERVICES *boot;
};

extern struct firmware firmware;
