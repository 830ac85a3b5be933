/* SPDX-License-Identifier: BSD-2-Clause */
/* Builds the ACPI tables in memory. */
#pragma once

#include <stdint.h>

struct acpi_rsdp;

#define ACPI_MAX_CPUS 64

/* What the tables say about this machine's CPUs. */
struct cpu_list {
    unsigned count;
    uint8_t apic_id[ACPI_MAX_CPUS];
};

/* Bytes that tables_build() needs, page-aligned and zeroed. */
#define ACPI_TABLES_BYTES 0x4000U

/* Fills `memory` (identity-mapped, below 4 GiB) and returns the RSDP within it; 0 if it does not fit. */
struct acpi_rsdp *tables_build(uint8_t *memory, const struct cpu_list *cpus);
