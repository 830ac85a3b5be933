// SPDX-License-Identifier: BSD-2-Clause
// ACPI's table of DMA remapping units (VT-d 8 "BIOS Considerations").
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "../boot_info.h"

struct dmar_unit { uint64_t base, bytes; };             // its registers: whole pages below 4 GiB
struct dmar { unsigned count; struct dmar_unit unit[VTD_UNITS]; };

// The units of a table of so many bytes (acpi_find() has checked the header). Which devices each is for doesn't matter: all have the same tables.
// Returns what is wrong with it, NULL: nothing. Wrong is also: two units at one place, registers in RAM or in hidden memory, no unit at all, and memory
// that a device may use on the firmware's behalf (RMRR) where hidden memory is.
const char *dmar_read(struct dmar *dmar, const uint8_t *at, uint32_t bytes, const struct boot_info *info, uint64_t hidden_base, uint64_t hidden_bytes);
