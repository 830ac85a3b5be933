// SPDX-License-Identifier: BSD-2-Clause
// Finds the FADT and its PM1 control ports (ACPI 6.5, 5.2.5 to 5.2.9). Pure; believes no length and no address.
#include "fadt.h"

#include <stdbool.h>

#define RSDP_BYTES    20u
#define RSDP_BYTES_2  36u
#define HEADER_BYTES  36u
#define TABLE_MAX     (1u << 20)
#define ADDRESS_IO    1u    // generic address structure: system I/O space

// Offsets in the FADT.
enum { PM1A_CONTROL = 64, PM1B_CONTROL = 68, X_PM1A_CONTROL = 172, X_PM1B_CONTROL = 184, ADDRESS_BYTES = 12 };

struct table { const uint8_t *at; uint32_t bytes; };

static uint64_t number_at(const uint8_t *at, unsigned bytes)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < bytes; i++)
        value |= (uint64_t)at[i] << (8 * i);
    return value;
}

static bool sums_to_zero(const uint8_t *at, uint32_t bytes)
{
    uint8_t sum = 0;
    for (uint32_t i = 0; i < bytes; i++)
        sum = (uint8_t)(sum + at[i]);
    return sum == 0;
}

static bool is_signed(const uint8_t *at, const char *signature)
{
    for (unsigned i = 0; signature[i]; i++)
        if (at[i] != (uint8_t)signature[i])
            return false;
    return true;
}

// The table at an address, if it has the signature, a sensible length and the right checksum.
static bool table_open(struct table *table, struct fadt_memory memory, uint64_t address, const char *signature)
{
    const uint8_t *header = address ? memory.at(memory.context, address, HEADER_BYTES) : NULL;
    if (!header || !is_signed(header, signature))
        return false;
    table->bytes = (uint32_t)number_at(header + 4, 4);
    if (table->bytes < HEADER_BYTES || table->bytes > TABLE_MAX)
        return false;
    table->at = memory.at(memory.context, address, table->bytes);
    return table->at && sums_to_zero(table->at, table->bytes);
}

static bool find_fadt(struct table *fadt, struct fadt_memory memory, const struct table *root, unsigned entry_bytes)
{
    for (uint32_t i = HEADER_BYTES; i + entry_bytes <= root->bytes; i += entry_bytes)
        if (table_open(fadt, memory, number_at(root->at + i, entry_bytes), "FACP"))
            return true;
    return false;
}

// The extended field where the table has it and it names a port, else the old one.
static uint16_t port(const struct table *fadt, uint32_t old, uint32_t extended)
{
    if (extended + ADDRESS_BYTES <= fadt->bytes && fadt->at[extended] == ADDRESS_IO) {
        uint64_t address = number_at(fadt->at + extended + 4, 8);
        if (address && address <= 0xffff)
            return (uint16_t)address;
    }
    uint64_t address = old + 4 <= fadt->bytes ? number_at(fadt->at + old, 4) : 0;
    return address <= 0xffff ? (uint16_t)address : 0;
}

struct fadt_ports fadt_read(struct fadt_memory memory, uint64_t rsdp)
{
    struct fadt_ports none = {0, 0};
    struct table root, fadt;
    const uint8_t *at = rsdp ? memory.at(memory.context, rsdp, RSDP_BYTES) : NULL;
    if (!at || !is_signed(at, "RSD PTR ") || !sums_to_zero(at, RSDP_BYTES))
        return none;
    uint64_t rsdt = number_at(at + 16, 4), xsdt = 0;
    if (at[15] >= 2) {
        at = memory.at(memory.context, rsdp, RSDP_BYTES_2);
        if (at && sums_to_zero(at, RSDP_BYTES_2))
            xsdt = number_at(at + 24, 8);
    }
    if (!(table_open(&root, memory, xsdt, "XSDT") && find_fadt(&fadt, memory, &root, 8)) &&
        !(table_open(&root, memory, rsdt, "RSDT") && find_fadt(&fadt, memory, &root, 4)))
        return none;
    return (struct fadt_ports){port(&fadt, PM1A_CONTROL, X_PM1A_CONTROL), port(&fadt, PM1B_CONTROL, X_PM1B_CONTROL)};
}
