// SPDX-License-Identifier: BSD-2-Clause
// ACPI tables, good and damaged.
#include "../../../kernel/loader/fadt.h"

#include "acpi_memory.h"
#include "check.h"
#include "noise.h"

enum { RSDT = 0x100, XSDT = 0x200, OTHER = 0x300, FADT = 0x400, BYTES = 0x800, FADT_BYTES = 244 };
#define RSDP ACPI_RSDP

static void build(void)
{
    acpi_begin(RSDT, XSDT);
    acpi_put(FADT + 64, 0x404, 4);
    acpi_put(FADT + 68, 0x504, 4);
    acpi_put(FADT + 172, 1, 1);
    acpi_put(FADT + 176, 0x604, 8);
    acpi_put(FADT + 116, 1, 1);
    acpi_put(FADT + 120, 0xcf9, 8);
    acpi_put(FADT + 128, 6, 1);
    acpi_table(FADT, "FACP", FADT_BYTES);
    acpi_table(OTHER, "APIC", 44);
    acpi_root(XSDT, "XSDT", 8, (const uint64_t[]){ ACPI_BASE + OTHER, ACPI_BASE + FADT }, 2);
    acpi_root(RSDT, "RSDT", 4, (const uint64_t[]){ ACPI_BASE + FADT }, 1);
    acpi_ends(BYTES);
}

static void ports_are(unsigned a, unsigned b)
{
    struct fadt_ports ports = fadt_read(acpi_memory(), ACPI_BASE + RSDP);
    CHECK_EQ(ports.pm1a_control, a);
    CHECK_EQ(ports.pm1b_control, b);
}

TEST(fadt_gives_the_extended_port_else_the_old_one)
{
    build();
    ports_are(0x604, 0x504);
    acpi_put(FADT + 172, 0, 1);  // in memory space
    acpi_table(FADT, "FACP", FADT_BYTES);
    ports_are(0x404, 0x504);
    acpi_table(FADT, "FACP", 116);  // ACPI 1.0: ends before the extended fields
    ports_are(0x404, 0x504);
    acpi_table(FADT, "FACP", 68);
    ports_are(0x404, 0);
    acpi_table(FADT, "FACP", 36);
    ports_are(0, 0);
}

static void reset_is(unsigned port, unsigned value)
{
    struct fadt_ports ports = fadt_read(acpi_memory(), ACPI_BASE + RSDP);
    CHECK_EQ(ports.reset, port);
    CHECK_EQ(ports.reset_value, value);
}

TEST(fadt_gives_the_reset_register_where_it_is_a_port)
{
    build();
    reset_is(0xcf9, 6);
    acpi_put(FADT + 128, 0xff, 1);
    acpi_table(FADT, "FACP", 129);
    reset_is(0xcf9, 0xff);
    acpi_table(FADT, "FACP", 128);  // its value is cut off
    reset_is(0, 0);
    acpi_table(FADT, "FACP", 116);
    reset_is(0, 0);
    build();
    acpi_put(FADT + 116, 0, 1);  // in memory space
    acpi_table(FADT, "FACP", FADT_BYTES);
    reset_is(0, 6);
    acpi_put(FADT + 116, 2, 1);  // in PCI configuration space
    acpi_table(FADT, "FACP", FADT_BYTES);
    reset_is(0, 6);
    acpi_put(FADT + 116, 1, 1);
    acpi_put(FADT + 120, 0x10cf9, 8);
    acpi_table(FADT, "FACP", FADT_BYTES);
    reset_is(0, 6);
    acpi_put(FADT + 120, 0xffff00000cf9, 8);
    acpi_table(FADT, "FACP", FADT_BYTES);
    reset_is(0, 6);
    acpi_bytes[FADT + 200]++;  // checksum
    reset_is(0, 0);
}

TEST(fadt_falls_back_to_the_rsdt)
{
    build();
    acpi_bytes[XSDT + 40]++;  // checksum of the XSDT
    ports_are(0x604, 0x504);
    build();
    acpi_put(RSDP + 15, 0, 1);
    acpi_sum(RSDP, 20, 8);
    acpi_put(RSDP + 24, ~0ull, 8);
    ports_are(0x604, 0x504);
}

TEST(fadt_damaged_means_no_ports)
{
    build();
    acpi_bytes[RSDP]++;
    ports_are(0, 0);
    build();
    acpi_bytes[RSDP + 9]++;
    ports_are(0, 0);
    build();
    acpi_bytes[FADT + 100]++;
    ports_are(0, 0);
    build();
    acpi_put(FADT + 4, 35, 4);
    ports_are(0, 0);
    build();
    acpi_put(FADT + 4, 0xffffffff, 4);
    ports_are(0, 0);
    build();
    acpi_put(FADT + 176, 0x10604, 8);
    acpi_put(FADT + 64, 0x10404, 4);
    acpi_table(FADT, "FACP", FADT_BYTES);
    ports_are(0, 0x504);
    struct fadt_ports ports = fadt_read(acpi_memory(), 0);
    CHECK_EQ(ports.pm1a_control, 0);
}

TEST(fadt_reads_nothing_behind_the_end_of_memory)
{
    build();
    for (unsigned end = 0; end <= BYTES; end++) {
        acpi_ends(end);
        struct fadt_ports ports = fadt_read(acpi_memory(), ACPI_BASE + RSDP);
        CHECK(ports.pm1a_control == (end < FADT + FADT_BYTES ? 0 : 0x604));
    }
}

TEST(fadt_survives_noise)
{
    uint32_t state = 3;
    for (unsigned round = 0; round < 20000; round++) {
        build();
        for (unsigned i = 0; i < 3; i++)
            acpi_bytes[noise_next(&state) % BYTES] = (uint8_t)noise_next(&state);
        // Half of them with checksums that are right again, so that the noise gets further.
        if (round & 1) {
            acpi_sum_rsdp();
            acpi_sum(XSDT, 52, 9);
            acpi_sum(RSDT, 40, 9);
            acpi_sum(FADT, FADT_BYTES, 9);
        }
        fadt_read(acpi_memory(), ACPI_BASE + RSDP);
    }
}
