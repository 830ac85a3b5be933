// SPDX-License-Identifier: BSD-2-Clause
// A made-up memory with ACPI tables, good ones at first. What a table is said to have behind the memory's end isn't there: who reads it all the same meets the address sanitizer.
#pragma once

#include <string.h>

#include <sanitizer/asan_interface.h>

#include "../../../kernel/loader/acpi.h"

#define ACPI_BASE  0x7f000000ull
#define ACPI_BYTES 4096u
#define ACPI_RSDP  0u  // offset
#define ACPI_RSDP_BYTES 36u

static _Alignas(8) uint8_t acpi_bytes[ACPI_BYTES];
static size_t acpi_end;

static inline const uint8_t *acpi_at(const void *context, uint64_t address, size_t bytes)
{
    (void)context;
    return address >= ACPI_BASE && address - ACPI_BASE <= acpi_end && bytes <= acpi_end - (address - ACPI_BASE) ? acpi_bytes + (address - ACPI_BASE) : NULL;
}

static inline struct acpi_memory acpi_memory(void) { return (struct acpi_memory){ acpi_at, NULL }; }

// What is behind keeps what it has, for when the memory is longer again.
static inline void acpi_ends(size_t end)
{
    ASAN_UNPOISON_MEMORY_REGION(acpi_bytes, ACPI_BYTES);
    ASAN_POISON_MEMORY_REGION(acpi_bytes + end, ACPI_BYTES - end);
    acpi_end = end;
}

static inline void acpi_put(unsigned offset, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        acpi_bytes[offset + i] = (uint8_t)(value >> (8 * i));
}

// Makes the checksum right, which is at `where` of so many bytes.
static inline void acpi_sum(unsigned offset, unsigned bytes, unsigned where)
{
    uint8_t sum = 0;
    acpi_bytes[offset + where] = 0;
    for (unsigned i = 0; i < bytes; i++)
        sum = (uint8_t)(sum + acpi_bytes[offset + i]);
    acpi_bytes[offset + where] = (uint8_t)-sum;
}

// A table's header, before what is behind it is written or after.
static inline void acpi_table(unsigned offset, const char *signature, unsigned bytes)
{
    memcpy(acpi_bytes + offset, signature, 4);
    acpi_put(offset + 4, bytes, 4);
    acpi_sum(offset, bytes, ACPI_CHECKSUM);
}

// A root table with entries of 4 bytes, or of 8.
static inline void acpi_root(unsigned offset, const char *signature, unsigned entry_bytes, const uint64_t *entry, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        acpi_put(offset + ACPI_HEADER_BYTES + i * entry_bytes, entry[i], entry_bytes);
    acpi_table(offset, signature, ACPI_HEADER_BYTES + count * entry_bytes);
}

static inline void acpi_sum_rsdp(void)
{
    acpi_sum(ACPI_RSDP, 20, 8);
    acpi_sum(ACPI_RSDP, ACPI_RSDP_BYTES, 32);
}

// Empty, but for the RSDP.
static inline void acpi_begin(unsigned rsdt, unsigned xsdt)
{
    acpi_ends(ACPI_BYTES);
    memset(acpi_bytes, 0, sizeof(acpi_bytes));
    memcpy(acpi_bytes + ACPI_RSDP, "RSD PTR ", 8);
    acpi_put(ACPI_RSDP + 15, 2, 1);
    acpi_put(ACPI_RSDP + 16, ACPI_BASE + rsdt, 4);
    acpi_put(ACPI_RSDP + 20, ACPI_RSDP_BYTES, 4);
    acpi_put(ACPI_RSDP + 24, ACPI_BASE + xsdt, 8);
    acpi_sum_rsdp();
}
