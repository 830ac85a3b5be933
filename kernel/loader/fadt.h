// SPDX-License-Identifier: BSD-2-Clause
// ACPI's fixed description table: the ports by which the machine is switched off or put to sleep.
#pragma once

#include <stddef.h>
#include <stdint.h>

// Physical memory as the caller sees it: the bytes at address, or NULL where there is no such memory.
struct fadt_memory {
    const uint8_t *(*at)(const void *context, uint64_t address, size_t bytes);
    const void *context;
};

struct fadt_ports { uint16_t pm1a_control, pm1b_control; };  // 0 where there is none

// Follows RSDP, XSDT or RSDT, FADT (ACPI 6.5, 5.2). A table that is missing, cut off or has a wrong checksum: no ports.
struct fadt_ports fadt_read(struct fadt_memory memory, uint64_t rsdp);
