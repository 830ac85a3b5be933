// SPDX-License-Identifier: BSD-2-Clause
// The FADT's PM1 control ports and its reset register (ACPI 6.5, 5.2.9 and 4.8.3.6). Pure; believes no length and no address.
#include "fadt.h"

#define ADDRESS_IO 1u    // generic address structure: system I/O space

// Offsets in the FADT.
enum { PM1A_CONTROL = 64, PM1B_CONTROL = 68, RESET = 116, RESET_VALUE = 128, X_PM1A_CONTROL = 172, X_PM1B_CONTROL = 184, ADDRESS_BYTES = 12 };

// Where the table has that field and it names a port.
static uint16_t extended_port(const struct acpi_table *fadt, uint32_t field)
{
    bool io = field + ADDRESS_BYTES <= fadt->bytes && fadt->at[field] == ADDRESS_IO;
    uint64_t address = io ? acpi_number(fadt->at + field + 4, 8) : 0;
    return address <= 0xffff ? (uint16_t)address : 0;
}

// The extended field, else the old one.
static uint16_t port(const struct acpi_table *fadt, uint32_t old, uint32_t extended)
{
    uint16_t found = extended_port(fadt, extended);
    if (found != 0)
        return found;
    uint64_t address = old + 4 <= fadt->bytes ? acpi_number(fadt->at + old, 4) : 0;
    return address <= 0xffff ? (uint16_t)address : 0;
}

struct fadt_ports fadt_read(struct acpi_memory memory, uint64_t rsdp)
{
    struct acpi_table fadt;
    if (acpi_find(&fadt, memory, rsdp, "FACP") != ACPI_FOUND)
        return (struct fadt_ports){0};
    // Whether RESET_REG_SUP is set or not: the register is there all the same.
    const bool whole = fadt.bytes > RESET_VALUE;
    return (struct fadt_ports){
        .pm1a_control = port(&fadt, PM1A_CONTROL, X_PM1A_CONTROL),
        .pm1b_control = port(&fadt, PM1B_CONTROL, X_PM1B_CONTROL),
        .reset = whole ? extended_port(&fadt, RESET) : 0,
        .reset_value = whole ? fadt.at[RESET_VALUE] : 0,
    };
}
