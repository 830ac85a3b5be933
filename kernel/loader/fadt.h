// SPDX-License-Identifier: BSD-2-Clause
// ACPI's fixed description table: the ports by which the machine is switched off, put to sleep or reset.
#pragma once

#include "acpi.h"

struct fadt_ports { uint16_t pm1a_control, pm1b_control, reset; uint8_t reset_value; };  // ports: 0 where there is none

// A table that is missing, cut off or has a wrong checksum: no ports.
struct fadt_ports fadt_read(struct acpi_memory memory, uint64_t rsdp);
