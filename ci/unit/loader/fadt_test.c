// SPDX-License-Identifier: BSD-2-Clause
// ACPI tables, good and damaged.
#include "../../../kernel/loader/fadt.h"

#include <string.h>

#include "check.h"
#include "noise.h"

enum { BASE = 0x7f000000, RSDP = 0, RSDT = 0x100, XSDT = 0x200, OTHER = 0x300, FADT = 0x400, BYTES = 0x800, FADT_BYTES = 244 };

static uint8_t memory[BYTES];
static size_t end;

static const uint8_t *at(const void *context, uint64_t address, size_t bytes)
{
    (void)context;
    return address >= BASE && address - BASE <= end && bytes <= end - (address - BASE) ? memory + (address - BASE) : NULL;
}

static void put(unsigned offset, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        memory[offset + i] = (uint8_t)(value >> (8 * i));
}

static void seal(unsigned offset, unsigned bytes, unsigned where)
{
    uint8_t sum = 0;
    memory[offset + where] = 0;
    for (unsigned i = 0; i < bytes; i++)
        sum = (uint8_t)(sum + memory[offset + i]);
    memory[offset + where] = (uint8_t)-sum;
}

static void table(unsigned offset, const char *signature, unsigned bytes)
{
    memcpy(memory + offset, signature, 4);
    put(offset + 4, bytes, 4);
    seal(offset, bytes, 9);
}

static void seal_rsdp(void)
{
    seal(RSDP, 20, 8);
    seal(RSDP, 36, 32);
}

static void build(void)
{
    memset(memory, 0, sizeof(memory));
    end = BYTES;
    put(FADT + 64, 0x404, 4);
    put(FADT + 68, 0x504, 4);
    put(FADT + 172, 1, 1);
    put(FADT + 176, 0x604, 8);
    table(FADT, "FACP", FADT_BYTES);
    table(OTHER, "APIC", 44);
    put(XSDT + 36, BASE + OTHER, 8);
    put(XSDT + 44, BASE + FADT, 8);
    table(XSDT, "XSDT", 52);
    put(RSDT + 36, BASE + FADT, 4);
    table(RSDT, "RSDT", 40);
    memcpy(memory + RSDP, "RSD PTR ", 8);
    put(RSDP + 15, 2, 1);
    put(RSDP + 16, BASE + RSDT, 4);
    put(RSDP + 20, 36, 4);
    put(RSDP + 24, BASE + XSDT, 8);
    seal_rsdp();
}

static void ports_are(unsigned a, unsigned b)
{
    struct fadt_ports ports = fadt_read((struct acpi_memory){at, NULL}, BASE + RSDP);
    CHECK_EQ(ports.pm1a_control, a);
    CHECK_EQ(ports.pm1b_control, b);
}

TEST(fadt_gives_the_extended_port_else_the_old_one)
{
    build();
    ports_are(0x604, 0x504);
    put(FADT + 172, 0, 1);  // in memory space
    table(FADT, "FACP", FADT_BYTES);
    ports_are(0x404, 0x504);
    table(FADT, "FACP", 116);  // ACPI 1.0: ends before the extended fields
    ports_are(0x404, 0x504);
    table(FADT, "FACP", 68);
    ports_are(0x404, 0);
    table(FADT, "FACP", 36);
    ports_are(0, 0);
}

TEST(fadt_falls_back_to_the_rsdt)
{
    build();
    memory[XSDT + 40]++;  // checksum of the XSDT
    ports_are(0x604, 0x504);
    build();
    put(RSDP + 15, 0, 1);
    seal(RSDP, 20, 8);
    put(RSDP + 24, ~0ull, 8);
    ports_are(0x604, 0x504);
}

TEST(fadt_damaged_means_no_ports)
{
    build();
    memory[RSDP]++;
    ports_are(0, 0);
    build();
    memory[RSDP + 9]++;
    ports_are(0, 0);
    build();
    memory[FADT + 100]++;
    ports_are(0, 0);
    build();
    put(FADT + 4, 35, 4);
    ports_are(0, 0);
    build();
    put(FADT + 4, 0xffffffff, 4);
    ports_are(0, 0);
    build();
    put(FADT + 176, 0x10604, 8);
    put(FADT + 64, 0x10404, 4);
    table(FADT, "FACP", FADT_BYTES);
    ports_are(0, 0x504);
    struct fadt_ports ports = fadt_read((struct acpi_memory){at, NULL}, 0);
    CHECK_EQ(ports.pm1a_control, 0);
}

TEST(fadt_reads_nothing_behind_the_end_of_memory)
{
    build();
    for (end = 0; end <= BYTES; end++) {
        struct fadt_ports ports = fadt_read((struct acpi_memory){at, NULL}, BASE + RSDP);
        CHECK(ports.pm1a_control == (end < FADT + FADT_BYTES ? 0 : 0x604));
    }
}

TEST(fadt_survives_noise)
{
    uint32_t state = 3;
    for (unsigned round = 0; round < 20000; round++) {
        build();
        for (unsigned i = 0; i < 3; i++)
            memory[noise_next(&state) % BYTES] = (uint8_t)noise_next(&state);
        // Half of them with checksums that are right again, so that the noise gets further.
        if (round & 1) {
            seal_rsdp();
            seal(XSDT, 52, 9);
            seal(RSDT, 40, 9);
            seal(FADT, FADT_BYTES, 9);
        }
        fadt_read((struct acpi_memory){at, NULL}, BASE + RSDP);
    }
}
