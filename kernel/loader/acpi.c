// SPDX-License-Identifier: BSD-2-Clause
// Finds ACPI tables (ACPI 6.5, 5.2.5 to 5.2.8). Pure; believes no length and no address.
#include "acpi.h"

#define RSDP_BYTES    20u
#define RSDP_BYTES_2  36u
#define TABLE_MAX     (1u << 20)

uint64_t acpi_number(const uint8_t *at, unsigned bytes)
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

// The table at an address, if it has the signature; damaged without a sensible length and the right checksum.
static enum acpi_found table_open(struct acpi_table *table, struct acpi_memory memory, uint64_t address, const char *signature)
{
    const uint8_t *header = address ? memory.at(memory.context, address, ACPI_HEADER_BYTES) : NULL;
    if (!header || !is_signed(header, signature))
        return ACPI_NONE;
    table->address = address;
    table->bytes = (uint32_t)acpi_number(header + 4, 4);
    if (table->bytes < ACPI_HEADER_BYTES || table->bytes > TABLE_MAX)
        return ACPI_DAMAGED;
    table->at = memory.at(memory.context, address, table->bytes);
    return table->at && sums_to_zero(table->at, table->bytes) ? ACPI_FOUND : ACPI_DAMAGED;
}

// By one of the two root tables. The first good one with the signature counts.
static enum acpi_found look(struct acpi_table *table, struct acpi_memory memory, uint64_t address, const char *root_signature, const char *signature)
{
    const unsigned entry_bytes = root_signature[0] == 'X' ? 8 : 4;
    enum acpi_found best = ACPI_NONE;
    struct acpi_table root;
    if (table_open(&root, memory, address, root_signature) != ACPI_FOUND)
        return ACPI_NONE;
    for (uint32_t i = ACPI_HEADER_BYTES; best != ACPI_FOUND && i + entry_bytes <= root.bytes; i += entry_bytes) {
        enum acpi_found found = table_open(table, memory, acpi_number(root.at + i, entry_bytes), signature);
        best = found > best ? found : best;
    }
    return best;
}

// The addresses of the two root tables; 0: there is none.
struct roots { uint64_t xsdt, rsdt; };

static struct roots find_roots(struct acpi_memory memory, uint64_t rsdp)
{
    struct roots roots = { 0, 0 };
    const uint8_t *at = rsdp ? memory.at(memory.context, rsdp, RSDP_BYTES) : NULL;
    if (!at || !is_signed(at, "RSD PTR ") || !sums_to_zero(at, RSDP_BYTES))
        return roots;
    roots.rsdt = acpi_number(at + 16, 4);
    if (at[15] >= 2) {
        at = memory.at(memory.context, rsdp, RSDP_BYTES_2);
        if (at && sums_to_zero(at, RSDP_BYTES_2))
            roots.xsdt = acpi_number(at + 24, 8);
    }
    return roots;
}

enum acpi_found acpi_find(struct acpi_table *table, struct acpi_memory memory, uint64_t rsdp, const char *signature)
{
    const struct roots roots = find_roots(memory, rsdp);
    enum acpi_found extended = look(table, memory, roots.xsdt, "XSDT", signature);
    if (extended == ACPI_FOUND)
        return extended;
    enum acpi_found old = look(table, memory, roots.rsdt, "RSDT", signature);
    return old > extended ? old : extended;
}

static void list(struct acpi_copies *copies, struct acpi_memory memory, uint64_t address, const char *root_signature, const char *signature)
{
    const unsigned entry_bytes = root_signature[0] == 'X' ? 8 : 4;
    struct acpi_table root, table;
    if (table_open(&root, memory, address, root_signature) != ACPI_FOUND)
        return;
    for (uint32_t i = ACPI_HEADER_BYTES; copies->count < ACPI_COPIES && i + entry_bytes <= root.bytes; i += entry_bytes) {
        const uint64_t at = acpi_number(root.at + i, entry_bytes);
        bool listed = table_open(&table, memory, at, signature) == ACPI_NONE;
        for (unsigned k = 0; k < copies->count; k++)
            listed = listed || copies->address[k] == at;
        if (!listed)
            copies->address[copies->count++] = at;
    }
}

void acpi_list(struct acpi_copies *copies, struct acpi_memory memory, uint64_t rsdp, const char *signature)
{
    const struct roots roots = find_roots(memory, rsdp);
    copies->count = 0;
    list(copies, memory, roots.xsdt, "XSDT", signature);
    list(copies, memory, roots.rsdt, "RSDT", signature);
}

void acpi_rename(uint8_t *table, const char signature[4])
{
    for (unsigned i = 0; i < 4; i++) {
        table[ACPI_CHECKSUM] = (uint8_t)(table[ACPI_CHECKSUM] + table[i] - (uint8_t)signature[i]);
        table[i] = (uint8_t)signature[i];
    }
}
