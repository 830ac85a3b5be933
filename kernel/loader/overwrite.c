// SPDX-License-Identifier: BSD-2-Clause
#include "overwrite.h"

#include "console.h"
#include "firmware.h"

#define CONTROL_CLEAR 1u  // bit 0, ClearMemory; the others stay as they are
#define LOCK_NO_KEY   1u  // read: 0 is unlocked

static EFI_GUID control_guid = { 0xe20939be, 0x32d4, 0x41be, { 0xa1, 0x50, 0x89, 0x7f, 0x85, 0xd4, 0x98, 0x29 } };
static EFI_GUID lock_guid = { 0xbb983ccf, 0x151d, 0x40e1, { 0xa0, 0x7b, 0x4a, 0x17, 0xbe, 0x16, 0x82, 0x92 } };
static CHAR16 control_name[] = L"MemoryOverwriteRequestControl", lock_name[] = L"MemoryOverwriteRequestControlLock";

// Variables of one byte. Where the firmware has none it doesn't do what they ask for: none is made.
static bool read(CHAR16 *name, EFI_GUID *guid, UINT32 *attributes, UINT8 *value)
{
    UINTN bytes = sizeof(*value);
    return !EFI_ERROR(firmware.system->RuntimeServices->GetVariable(name, guid, attributes, &bytes, value)) && bytes == sizeof(*value);
}

// What it is afterwards counts.
static bool make(CHAR16 *name, EFI_GUID *guid, UINT8 bits)
{
    UINT32 attributes;
    UINT8 value;
    if (!read(name, guid, &attributes, &value))
        return false;
    if ((value & bits) != bits) {
        value |= bits;
        (void)firmware.system->RuntimeServices->SetVariable(name, guid, attributes, sizeof(value), &value);
    }
    return read(name, guid, &attributes, &value) && (value & bits) == bits;
}

static bool locked(void)
{
    UINT32 attributes;
    UINT8 value;
    if (read(lock_name, &lock_guid, &attributes, &value) && value != 0)
        return true;
    return make(lock_name, &lock_guid, LOCK_NO_KEY);
}

void overwrite_request(const struct load *load)
{
    UINT32 attributes;
    UINT8 value;
    bool secrets = false;
    for (unsigned i = 0; i < load->partition_count; i++)
        secrets = secrets || (load->image[i].header.rights & RIGHT_SECRETS);
    if (!secrets || !read(control_name, &control_guid, &attributes, &value))
        return;
    if (!make(control_name, &control_guid, CONTROL_CLEAR))
        console_line("memory: the firmware could write over it at the next boot, and doesn't take the request");
    else if (!locked())
        console_line("memory: the firmware writes over it at the next boot, unless L1 takes the request back: it has no lock");
    else
        console_line("memory: the firmware writes over it at the next boot, whatever resets the machine");
}
