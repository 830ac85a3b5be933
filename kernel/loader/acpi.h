// SPDX-License-Identifier: BSD-2-Clause
// ACPI's tables: where they are.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Physical memory as the caller sees it: the bytes at address, or NULL where there is no such memory.
struct acpi_memory {
    const uint8_t *(*at)(const void *context, uint64_t address, size_t bytes);
    const void *context;
};

#define ACPI_HEADER_BYTES 36u
#define ACPI_CHECKSUM     9u   // offset
struct acpi_table { uint64_t address; const uint8_t *at; uint32_t bytes; };

// Follows RSDP and XSDT, or RSDT. ACPI_DAMAGED: the only ones with this signature are cut off or have a wrong checksum.
enum acpi_found { ACPI_NONE, ACPI_DAMAGED, ACPI_FOUND };
enum acpi_found acpi_find(struct acpi_table *table, struct acpi_memory memory, uint64_t rsdp, const char *signature);

// All tables with a signature, damaged ones too, each once: the two root tables may name the same one, or a copy each.
#define ACPI_COPIES 16u
struct acpi_copies { unsigned count; uint64_t address[ACPI_COPIES]; };
void acpi_list(struct acpi_copies *copies, struct acpi_memory memory, uint64_t rsdp, const char *signature);

// A number of so many bytes, little end first.
uint64_t acpi_number(const uint8_t *at, unsigned bytes);

// Gives a table another signature; its checksum stays right.
void acpi_rename(uint8_t *table, const char signature[4]);
