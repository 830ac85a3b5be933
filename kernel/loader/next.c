// SPDX-License-Identifier: BSD-2-Clause
// Starts the next image. It gets the volume as its device, which is where the Linux EFI stub looks for an initrd.
#include "next.h"

#include "conf.h"
#include "console.h"
#include "firmware.h"
#include "text.h"

// Length of a device path without its end node.
static UINTN path_bytes(const UINT8 *path)
{
    UINTN bytes = 0;
    while (path[bytes] != END_DEVICE_PATH_TYPE || path[bytes + 1] != END_ENTIRE_DEVICE_PATH_SUBTYPE)
        bytes += path[bytes + 2] | (UINTN)path[bytes + 3] << 8;
    return bytes;
}

static UINTN widen(CHAR16 *to, const char *from)
{
    UINTN length = 0;
    do
        to[length] = (CHAR16)from[length];
    while (from[length++]);
    return length * sizeof(CHAR16);
}

// The volume's device path with a file path node behind it (UEFI 2.10, 10.3.5.4 "File Path Media Device Path"). NULL: no memory.
static EFI_DEVICE_PATH *file_path(const char *path)
{
    static EFI_GUID guid = EFI_DEVICE_PATH_PROTOCOL_GUID;
    EFI_DEVICE_PATH *volume;
    UINT8 *out;
    if (EFI_ERROR(firmware.boot->HandleProtocol(firmware.device, &guid, (void **)&volume)))
        return NULL;
    UINTN head = path_bytes((const UINT8 *)volume), name = (text_length(path) + 1) * sizeof(CHAR16);
    if (EFI_ERROR(firmware.boot->AllocatePool(EfiLoaderData, head + 4 + name + 4, (void **)&out)))
        return NULL;
    firmware.boot->CopyMem(out, volume, head);
    UINT8 *node = out + head;
    node[0] = MEDIA_DEVICE_PATH;
    node[1] = MEDIA_FILEPATH_DP;
    node[2] = (UINT8)(4 + name);
    node[3] = (UINT8)((4 + name) >> 8);
    widen((CHAR16 *)(void *)(node + 4), path);
    UINT8 *end = node + 4 + name;
    end[0] = END_DEVICE_PATH_TYPE;
    end[1] = END_ENTIRE_DEVICE_PATH_SUBTYPE;
    end[2] = 4;
    end[3] = 0;
    return (EFI_DEVICE_PATH *)(void *)out;
}

static const char *failure(EFI_STATUS status)
{
    switch (status) {
    case EFI_NOT_FOUND: return "not found";
    case EFI_ACCESS_DENIED:
    case EFI_SECURITY_VIOLATION: return "Secure Boot does not allow it";
    case EFI_UNSUPPORTED:
    case EFI_LOAD_ERROR: return "is no UEFI application for this machine";
    case EFI_OUT_OF_RESOURCES: return "no memory to load it";
    default: return "cannot be loaded";
    }
}

EFI_STATUS next_start(const char *path, const char *options)
{
    static EFI_GUID guid = EFI_LOADED_IMAGE_PROTOCOL_GUID;
    static CHAR16 wide[CONF_OPTIONS];
    EFI_HANDLE handle;
    EFI_LOADED_IMAGE *image;
    EFI_DEVICE_PATH *device_path = file_path(path);
    EFI_STATUS status = device_path ? firmware.boot->LoadImage(FALSE, firmware.self, device_path, NULL, 0, &handle) : EFI_OUT_OF_RESOURCES;
    if (EFI_ERROR(status)) {
        console_line("%s: %s", path, failure(status));
        return status;
    }
    if (options[0] && !EFI_ERROR(firmware.boot->HandleProtocol(handle, &guid, (void **)&image))) {
        image->LoadOptionsSize = (UINT32)widen(wide, options);
        image->LoadOptions = wide;
    }
    status = firmware.boot->StartImage(handle, NULL, NULL);
    if (EFI_ERROR(status))
        console_line("%s: came back with error 0x%llx", path, (unsigned long long)status);
    return status;
}
