/* SPDX-License-Identifier: BSD-2-Clause */
/* UEFI application: installs the ACPI tables that Bochs lacks, then starts the image named in \EFI\acpi\next.txt. */
#include <efi.h>
#include <efilib.h>

#include "acpi_table.h"
#include "cpu_insn.h"
#include "feature_control.h"
#include "mp_services.h"
#include "quiet.h"
#include "tables.h"

#define NEXT_FILE   L"\\EFI\\acpi\\next.txt"
#define TCG2_DRIVER L"\\EFI\\tcg2\\tcg2.efi"

/* One line each; all but the first may be missing. */
struct next_image {
    CHAR16 path[256];
    CHAR16 options[1024];
    CHAR16 firmware[16]; /* lock-vtx: switch VT-x off first, as a firmware's setup does; tcg2: start the driver of a TPM */
    UINT32 options_bytes; /* with the terminating zero; 0 = none */
};

static EFI_STATUS fail(const CHAR16 *what, EFI_STATUS status)
{
    Print(L"acpi: %s: %r\r\n", what, status);
    return status;
}

static EFI_STATUS cpus_list(struct cpu_list *cpus)
{
    EFI_GUID guid = MP_SERVICES_GUID;
    struct mp_services *mp;
    EFI_STATUS status = BS->LocateProtocol(&guid, NULL, (VOID **)&mp);
    if (EFI_ERROR(status)) {
        return fail(L"no EFI_MP_SERVICES_PROTOCOL", status);
    }
    UINTN all, enabled;
    status = mp->count(mp, &all, &enabled);
    if (EFI_ERROR(status)) {
        return fail(L"counting the CPUs", status);
    }
    for (UINTN i = 0; i < all; i++) {
        struct mp_processor cpu;
        status = mp->info(mp, i, &cpu);
        if (EFI_ERROR(status)) {
            return fail(L"asking for a CPU", status);
        }
        if (!(cpu.status & MP_PROCESSOR_ENABLED)) {
            continue;
        }
        if (cpus->count == ACPI_MAX_CPUS) {
            return fail(L"too many CPUs", EFI_OUT_OF_RESOURCES);
        }
        cpus->apic_id[cpus->count++] = (uint8_t)cpu.processor_id;
    }
    return EFI_SUCCESS;
}

static EFI_STATUS tables_install(const struct cpu_list *cpus)
{
    EFI_PHYSICAL_ADDRESS address = 0xffffffffU;
    EFI_STATUS status =
        BS->AllocatePages(AllocateMaxAddress, EfiACPIMemoryNVS, EFI_SIZE_TO_PAGES(ACPI_TABLES_BYTES), &address);
    if (EFI_ERROR(status)) {
        return fail(L"memory for the tables", status);
    }
    UINT8 *memory = (UINT8 *)(UINTN)address;
    BS->SetMem(memory, ACPI_TABLES_BYTES, 0);
    struct acpi_rsdp *rsdp = tables_build(memory, cpus);
    if (!rsdp) {
        return fail(L"the tables do not fit", EFI_BUFFER_TOO_SMALL);
    }
    EFI_GUID guid = ACPI_20_TABLE_GUID;
    status = BS->InstallConfigurationTable(&guid, rsdp);
    return EFI_ERROR(status) ? fail(L"installing the tables", status) : EFI_SUCCESS;
}

static EFI_STATUS next_read(EFI_HANDLE device, struct next_image *next)
{
    static UINT8 text[1280];
    EFI_GUID guid = EFI_SIMPLE_FILE_SYSTEM_PROTOCOL_GUID;
    EFI_SIMPLE_FILE_SYSTEM_PROTOCOL *volume;
    EFI_FILE *root, *file;
    EFI_STATUS status = BS->HandleProtocol(device, &guid, (VOID **)&volume);
    if (EFI_ERROR(status)) {
        return fail(L"no file system", status);
    }
    status = volume->OpenVolume(volume, &root);
    if (EFI_ERROR(status)) {
        return fail(L"opening the volume", status);
    }
    status = root->Open(root, &file, NEXT_FILE, EFI_FILE_MODE_READ, 0);
    root->Close(root);
    if (EFI_ERROR(status)) {
        return fail(NEXT_FILE, status);
    }
    UINTN bytes = sizeof(text);
    status = file->Read(file, &bytes, text);
    file->Close(file);
    if (EFI_ERROR(status)) {
        return fail(NEXT_FILE, status);
    }

    struct {
        CHAR16 *text;
        UINTN capacity, length;
    } line[3] = {
        { next->path, sizeof(next->path) / sizeof(CHAR16), 0 },
        { next->options, sizeof(next->options) / sizeof(CHAR16), 0 },
        { next->firmware, sizeof(next->firmware) / sizeof(CHAR16), 0 },
    };
    UINTN number = 0;
    for (UINTN i = 0; i < bytes && number < 3; i++) {
        if (text[i] == '\n') {
            number++;
        } else if (text[i] != '\r') {
            if (line[number].length + 1 >= line[number].capacity) {
                return fail(NEXT_FILE L": line too long", EFI_BAD_BUFFER_SIZE);
            }
            line[number].text[line[number].length++] = text[i];
        }
    }
    if (line[0].length == 0) {
        return fail(NEXT_FILE L": no image named", EFI_NOT_FOUND);
    }
    next->options_bytes = line[1].length ? (UINT32)((line[1].length + 1) * sizeof(CHAR16)) : 0;
    return EFI_SUCCESS;
}

static EFI_STATUS image_start(EFI_HANDLE self, EFI_HANDLE device, CHAR16 *name, CHAR16 *options, UINT32 options_bytes)
{
    EFI_HANDLE image;
    EFI_DEVICE_PATH *path = FileDevicePath(device, name);
    EFI_STATUS status = BS->LoadImage(FALSE, self, path, NULL, 0, &image);
    if (EFI_ERROR(status)) {
        return fail(name, status);
    }
    EFI_GUID guid = EFI_LOADED_IMAGE_PROTOCOL_GUID;
    EFI_LOADED_IMAGE *loaded;
    status = BS->HandleProtocol(image, &guid, (VOID **)&loaded);
    if (EFI_ERROR(status)) {
        return fail(L"the loaded image", status);
    }
    loaded->LoadOptions = options;
    loaded->LoadOptionsSize = options_bytes;
    status = BS->StartImage(image, NULL, NULL);
    return EFI_ERROR(status) ? fail(name, status) : EFI_SUCCESS;
}

/* gnu-efi's start code calls it by the System V convention. */
EFI_STATUS efi_main(EFI_HANDLE self, EFI_SYSTEM_TABLE *system);

EFI_STATUS efi_main(EFI_HANDLE self, EFI_SYSTEM_TABLE *system)
{
    InitializeLib(self, system);

    EFI_GUID guid = EFI_LOADED_IMAGE_PROTOCOL_GUID;
    EFI_LOADED_IMAGE *me;
    EFI_STATUS status = BS->HandleProtocol(self, &guid, (VOID **)&me);
    if (EFI_ERROR(status)) {
        return fail(L"my own image", status);
    }
    static struct next_image next;
    status = next_read(me->DeviceHandle, &next);
    if (EFI_ERROR(status)) {
        return status;
    }
    if (StrCmp(next.firmware, L"lock-vtx") == 0) {
        feature_control_lock();
    } else if (StrCmp(next.firmware, L"tcg2") == 0) {
        status = image_start(self, me->DeviceHandle, TCG2_DRIVER, NULL, 0);
        if (EFI_ERROR(status)) {
            return status;
        }
    } else if (next.firmware[0]) {
        return fail(next.firmware, EFI_UNSUPPORTED);
    }
    struct cpu_list cpus = { 0 };
    status = cpus_list(&cpus);
    if (EFI_ERROR(status)) {
        return status;
    }
    status = tables_install(&cpus);
    if (EFI_ERROR(status)) {
        return status;
    }
    status = quiet_after_boot_services();
    if (EFI_ERROR(status)) {
        return fail(L"the boot services table", status);
    }
    /* The counter is for who compares what boots cost. */
    Print(L"acpi: tables for %d CPUs, starting %s tsc=%ld\r\n", cpus.count, next.path, tsc());
    return image_start(self, me->DeviceHandle, next.path, next.options, next.options_bytes);
}
