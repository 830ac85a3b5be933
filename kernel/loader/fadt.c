// SPDX-License-Identifier: BSD-2-Clause
// The FADT's PM1 control ports (ACPI 6.5, 5.2.9). Pure; believes no length and no address.
#include "fadt.h"

#define ADDRESS_IO 1u    // generic address structure: system I/O space

// Offsets in the FADT.
enum { PM1A_CONTROL = 64, PM1B_CONTROL = 68, X_PM1A_CONTROL = 172, X_PM1B_CONTROL = 184, ADDRESS_BYTES = 12 };

// The extended field where the table has it and it names a port, else the old one.
static uint16_t port(const struct acpi_table *fadt, uint32_t old, uint32_t extended)
{
    if (extended + ADDRESS_BYTES <= fadt->bytes && fadt->at[extended] == ADDRESS_IO) {
        uint64_t address = acpi_number(fadt->at + extended + 4, 8);
        if (address && address <= 0xffff)
            return (uint16_t)address;
    }
    uint64_t address = old + 4 <= fadt->bytes ? acpi_number(fadt->at + old, 4) : 0;
    return address <= 0xffff ? (uint16_t)address : 0;
}

struct fadt_ports fadt_read(struct acpi_memory memory, uint64_t rsdp)
{
    struct acpi_table fadt;
    if (acpi_find(&fadt, memory, rsdp, "FACP") != ACPI_FOUND)
        return (struct fadt_ports){0, 0};
    return (struct fadt_ports){port(&fadt, PM1A_CONTROL, X_PM1A_CONTROL), port(&fadt, PM1B_CONTROL, X_PM1B_CONTROL)};
}
