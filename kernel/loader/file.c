// SPDX-License-Identifier: BSD-2-Clause
// Reads files by EFI_SIMPLE_FILE_SYSTEM_PROTOCOL (UEFI 2.10, 13.4, 13.5).
#include "file.h"

#include <caps/addr.h>

#include "console.h"
#include "firmware.h"

#define PATH 300

static EFI_FILE *volume_open(void)
{
    static EFI_GUID guid = EFI_SIMPLE_FILE_SYSTEM_PROTOCOL_GUID;
    EFI_SIMPLE_FILE_SYSTEM_PROTOCOL *volume;
    EFI_FILE *root;
    if (EFI_ERROR(firmware.boot->HandleProtocol(firmware.device, &guid, (void **)&volume)) ||
        EFI_ERROR(volume->OpenVolume(volume, &root)))
        return NULL;
    return root;
}

static UINTN pages_of(size_t bytes) { return bytes / PAGE_BYTES + 1; }

// The whole content of an open file; NULL, or what failed.
static const char *content_read(struct file *file, EFI_FILE *open, size_t most)
{
    UINT64 bytes;
    // Seeking to the end is how UEFI tells a file's size without a variable-length structure. Fails for a folder.
    if (EFI_ERROR(open->SetPosition(open, ~0ull)) || EFI_ERROR(open->GetPosition(open, &bytes)) || EFI_ERROR(open->SetPosition(open, 0)))
        return "is not a file";
    if (bytes > most)
        return "is too long";
    // Some firmware fills what its pool gives and takes with a pattern, byte by byte; pages only when they are given back.
    EFI_PHYSICAL_ADDRESS address;
    if (EFI_ERROR(firmware.boot->AllocatePages(AllocateAnyPages, EfiLoaderData, pages_of(bytes), &address)))
        return "no memory to read it";
    *file = (struct file){ (void *)(UINTN)address, bytes };
    for (UINTN done = 0; done < bytes;) {
        UINTN piece = bytes - done;
        if (EFI_ERROR(open->Read(open, &piece, (UINT8 *)file->data + done)) || !piece) {
            file_free(file);
            return "cannot be read";
        }
        done += piece;
    }
    return NULL;
}

bool file_read(struct file *file, const char *path, size_t most)
{
    CHAR16 wide[PATH];
    size_t length = 0;
    while (path[length] && length + 1 < PATH) {
        wide[length] = (CHAR16)path[length];
        length++;
    }
    wide[length] = 0;
    *file = (struct file){NULL, 0};
    EFI_FILE *root = volume_open(), *open;
    if (!root) {
        console_line("%s: the volume has no file system", path);
        return false;
    }
    EFI_STATUS status = root->Open(root, &open, wide, EFI_FILE_MODE_READ, 0);
    root->Close(root);
    if (EFI_ERROR(status)) {
        console_line("%s: %s", path, status == EFI_NOT_FOUND ? "not found" : "cannot be opened");
        return false;
    }
    const char *wrong = content_read(file, open, most);
    open->Close(open);
    if (wrong)
        console_line("%s: %s", path, wrong);
    return !wrong;
}

void file_free(struct file *file)
{
    if (file->data)
        firmware.boot->FreePages((EFI_PHYSICAL_ADDRESS)(UINTN)file->data, pages_of(file->bytes));
    *file = (struct file){NULL, 0};
}
