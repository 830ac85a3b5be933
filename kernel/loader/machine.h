// SPDX-License-Identifier: BSD-2-Clause
// What the boot information says about the machine: memory ranges and ACPI.
#pragma once

#include <stdbool.h>

#include "../boot_info.h"
#include "acpi.h"

// Fills range[], range_count, rsdp and the PM1 control ports from UEFI's tables as they are now. boot_time: the firmware's clock, seconds since 1970, 0
// where there is none. False after a line on the console.
bool machine_describe(struct boot_info *info, uint64_t *boot_time);

// ACPI tables' memory, once the boot information is filled.
struct acpi_memory machine_acpi(const struct boot_info *info);
