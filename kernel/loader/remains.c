// SPDX-License-Identifier: BSD-2-Clause
// Looks for crash records.
#include "remains.h"

#include "console.h"
#include "crash.h"
#include "firmware.h"
#include "memory.h"

// A record survives where nobody has used its memory since: there the pages are still free.
static void look(uint64_t place, struct crash_record *record, bool *found)
{
    EFI_PHYSICAL_ADDRESS address = place + MEMORY_CRASH_OFFSET;
    const UINTN pages = sizeof(struct crash_area) / PAGE_BYTES;
    if (EFI_ERROR(firmware.boot->AllocatePages(AllocateAddress, EfiBootServicesData, pages, &address)))
        return;
    struct crash_area *area = (struct crash_area *)(UINTN)address;
    const struct crash_record *newest = crash_newest(area);
    if (newest && (!*found || (int32_t)(newest->generation - record->generation) > 0)) {
        firmware.boot->CopyMem(record, (void *)(UINTN)newest, sizeof(*record));
        *found = true;
    }
    for (unsigned i = 0; i < CRASH_SLOTS; i++)
        if (area->slot[i].magic == CRASH_MAGIC)
            area->slot[i].magic = 0;
    firmware.boot->FreePages(address, pages);
}

void remains_take(struct crash_record *record)
{
    bool found = false;
    for (unsigned i = 0; i < MEMORY_PLACES; i++)
        look(memory_place[i], record, &found);
    char text[CRASH_TEXT];
    for (unsigned i = 0; found && crash_line(record, i, text); i++)
        console_line("%s", text);
}
