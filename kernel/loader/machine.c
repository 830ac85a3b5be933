// SPDX-License-Identifier: BSD-2-Clause
// Asks UEFI for the memory map and the ACPI tables.
#include "machine.h"

#include "clock.h"
#include "console.h"
#include "firmware.h"
#include "ranges.h"

#define SPARE_DESCRIPTORS 16

static bool describe_memory(struct boot_info *info)
{
    UINTN bytes = 0, key, stride = 0;
    UINT32 version;
    EFI_MEMORY_DESCRIPTOR *map = NULL;
    firmware.boot->GetMemoryMap(&bytes, map, &key, &stride, &version);
    bytes += SPARE_DESCRIPTORS * stride;  // the allocation itself adds some
    if (EFI_ERROR(firmware.boot->AllocatePool(EfiLoaderData, bytes, (void **)&map))) {
        console_line("no memory for the memory map");
        return false;
    }
    bool told = !EFI_ERROR(firmware.boot->GetMemoryMap(&bytes, map, &key, &stride, &version));
    bool fits = told && ranges_build(info->range, &info->range_count, map, bytes, stride);
    firmware.boot->FreePool(map);
    if (!told)
        console_line("the firmware gives no memory map");
    else if (!fits)
        console_line("the memory map has more than %u ranges", BOOT_RANGES);
    info->mapped_end = ranges_end(info->range, info->range_count);
    return fits;
}

static bool is_guid(const EFI_GUID *a, EFI_GUID b)
{
    const UINT8 *x = (const UINT8 *)a, *y = (const UINT8 *)&b;
    unsigned i = 0;
    while (i < sizeof(b) && x[i] == y[i])
        i++;
    return i == sizeof(b);
}

static uint64_t find_rsdp(void)
{
    static const EFI_GUID guids[] = {ACPI_20_TABLE_GUID, ACPI_TABLE_GUID};
    EFI_CONFIGURATION_TABLE *table = firmware.system->ConfigurationTable;
    for (unsigned g = 0; g < 2; g++)
        for (UINTN i = 0; i < firmware.system->NumberOfTableEntries; i++)
            if (is_guid(&table[i].VendorGuid, guids[g]))
                return (uint64_t)(UINTN)table[i].VendorTable;
    return 0;
}

// ACPI tables lie in memory that the map knows, or where a PC's firmware has always had them.
static const uint8_t *acpi_at(const void *context, uint64_t address, size_t bytes)
{
    const struct boot_info *info = context;
    bool bios = address >= 0xe0000 && address < 0x100000 && bytes <= 0x100000 - address;
    return bios || ranges_hold(info->range, info->range_count, address, bytes) ? (const uint8_t *)(uintptr_t)address : NULL;
}

struct acpi_memory machine_acpi(const struct boot_info *info) { return (struct acpi_memory){acpi_at, info}; }

static uint64_t firmware_time(void)
{
    EFI_TIME now;
    if (EFI_ERROR(firmware.system->RuntimeServices->GetTime(&now, NULL)))
        return 0;
    return clock_seconds(now.Year, now.Month, now.Day, now.Hour, now.Minute, now.Second);
}

bool machine_describe(struct boot_info *info, uint64_t *boot_time)
{
    *boot_time = firmware_time();
    if (!describe_memory(info))
        return false;
    info->rsdp = find_rsdp();
    return true;
}
