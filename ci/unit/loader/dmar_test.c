// SPDX-License-Identifier: BSD-2-Clause
// The DMAR table, good and damaged.
#include "../../../kernel/loader/dmar.h"

#include <stdlib.h>
#include <string.h>

#include "acpi_memory.h"
#include "check.h"
#include "noise.h"

#define UNIT    0xfed90000ull
#define HIDDEN  0x10000000ull
#define SIZE    (16ull << 20)

static struct boot_info info;
static struct dmar dmar;
static uint8_t table[4096];
static uint32_t end;

static void put(uint32_t at, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        table[at + i] = (uint8_t)(value >> (8 * i));
}

static void begin(void)
{
    memset(table, 0, sizeof(table));
    memset(&info, 0, sizeof(info));
    info.range_count = 2;
    info.range[0] = (struct boot_range){ .base = 0x100000, .bytes = 0x7ff00000, .kind = RANGE_RAM };
    info.range[1] = (struct boot_range){ .base = 0xfed00000, .bytes = 0x100000, .kind = RANGE_RESERVED };
    end = 48;
}

static uint32_t structure(unsigned type, unsigned bytes)
{
    const uint32_t at = end;
    put(at, type, 2);
    put(at + 2, bytes, 2);
    end += bytes;
    return at;
}

static uint32_t add_unit(uint64_t base, unsigned flags, unsigned size)
{
    const uint32_t at = structure(0, 24);  // with a device's path behind it
    put(at + 4, flags, 1);
    put(at + 5, size, 1);
    put(at + 8, base, 8);
    return at;
}

static uint32_t reserve(uint64_t base, uint64_t limit)
{
    const uint32_t at = structure(1, 24);
    put(at + 8, base, 8);
    put(at + 16, limit, 8);
    return at;
}

// The table is copied to where the address sanitizer sees a read behind its end.
static const char *judge(uint32_t bytes)
{
    uint8_t *copy = malloc(bytes ? bytes : 1);
    memcpy(copy, table, bytes);
    const char *wrong = dmar_read(&dmar, copy, bytes, &info, HIDDEN, SIZE);
    free(copy);
    return wrong;
}

static void wrong_is(const char *text)
{
    const char *wrong = judge(end);
    CHECK(wrong && strstr(wrong, text));
}

TEST(dmar_names_all_units)
{
    begin();
    add_unit(UNIT + 0x1000, 0, 0);
    structure(2, 8);  // ATSR
    reserve(0x7f000000, 0x7f0fffff);
    structure(9, 32); // of another version
    add_unit(UNIT, 1, 0xf0);
    CHECK(judge(end) == NULL);
    CHECK_EQ(dmar.count, 2);
    CHECK(dmar.unit[0].base == UNIT + 0x1000 && dmar.unit[1].base == UNIT && dmar.unit[0].bytes == 4096 && dmar.unit[1].bytes == 4096);
    begin();
    add_unit(UNIT, 1, 3);
    CHECK(judge(end) == NULL && dmar.unit[0].bytes == 8 * 4096);
}

TEST(dmar_units_are_where_registers_can_be)
{
    static const struct { uint64_t base; unsigned size; const char *text; } bad[] = {
        { 0, 0, "no page" }, { UNIT + 8, 0, "no page" }, { 1ull << 32, 0, "no page" }, { ~0xfffull, 0, "no page" }, { 0xfffff000, 1, "no page" },
        { 0x7ffff000, 0, "in RAM" }, { HIDDEN, 0, "in RAM" }, { 0x200000, 15, "in RAM" },
    };
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        begin();
        add_unit(bad[i].base, 1, bad[i].size);
        wrong_is(bad[i].text);
    }
    begin();
    info.range_count = 0;  // memory that the map doesn't have
    add_unit(HIDDEN + SIZE - 4096, 1, 0);
    wrong_is("in RAM");
    begin();
    add_unit(UNIT, 0, 1);
    add_unit(UNIT + 0x1000, 1, 0);
    wrong_is("two units");
    begin();
    for (unsigned i = 0; i <= VTD_UNITS; i++)
        add_unit(UNIT + i * 4096, 1, 0);
    wrong_is("too many");
    CHECK_EQ(dmar.count, VTD_UNITS);
}

TEST(dmar_names_one_at_least)
{
    begin();
    wrong_is("no unit");
    reserve(0x7f000000, 0x7f0fffff);
    wrong_is("no unit");
    add_unit(UNIT, 0, 0);  // for the devices that it names, and there is no other one
    CHECK(judge(end) == NULL);
}

TEST(dmar_reserves_no_hidden_memory)
{
    static const struct { uint64_t base, limit; bool good; } region[] = {
        { HIDDEN, HIDDEN, false }, { HIDDEN + SIZE - 1, HIDDEN + SIZE - 1, false }, { 0, ~1ull, false }, { 0, ~0ull, false }, { 0x2000, 0x1fff, true }, { 0x3000, 0x1fff, false },
        { HIDDEN - 4096, HIDDEN - 1, true }, { HIDDEN + SIZE, HIDDEN + SIZE, true },
    };
    for (unsigned i = 0; i < sizeof(region) / sizeof(region[0]); i++) {
        begin();
        reserve(region[i].base, region[i].limit);
        add_unit(UNIT, 1, 0);
        const bool ends_before = region[i].limit < region[i].base;
        CHECK((judge(end) == NULL) == (region[i].good && !ends_before));
    }
}

TEST(dmar_lengths_are_not_believed)
{
    begin();
    reserve(0x7f000000, 0x7f0fffff);
    const uint32_t unit = add_unit(UNIT, 1, 0);
    for (uint32_t bytes = 36; bytes <= end; bytes++)  // every place where it may be cut off
        CHECK((judge(bytes) == NULL) == (bytes == end));
    for (unsigned length = 0; length < 70; length++) {
        put(unit + 2, length, 2);
        CHECK((judge(end) == NULL) == (length == 24));  // the bytes behind a shorter one are no structure
    }
    put(unit + 2, 0xffff, 2);
    wrong_is("wrong length");
    put(unit + 2, 24, 2);
    put(50, 20, 2);  // the RMRR's
    wrong_is("wrong length");
}

TEST(dmar_survives_noise)
{
    uint32_t state = 5;
    for (unsigned round = 0; round < 50000; round++) {
        begin();
        reserve(0x7f000000, 0x7f0fffff);
        add_unit(UNIT, 1, 0);
        add_unit(UNIT + 4096, 0, 0);
        for (unsigned i = 0; i < 3; i++)
            table[48 + noise_next(&state) % (end - 48)] = (uint8_t)noise_next(&state);
        if (judge(end) == NULL)
            for (unsigned i = 0; i < dmar.count; i++)
                CHECK(dmar.unit[i].base % 4096 == 0 && (dmar.unit[i].base >= 0x80000000 || dmar.unit[i].base + dmar.unit[i].bytes <= 0x100000) && dmar.unit[i].base + dmar.unit[i].bytes <= 1ull << 32);
    }
}

TEST(acpi_renames_with_a_right_checksum)
{
    uint8_t sum = 0;
    begin();
    memcpy(table, "DMAR", 4);
    for (unsigned i = 0; i < 64; i++)
        sum = (uint8_t)(sum + table[i]);
    table[9] = (uint8_t)-sum;
    acpi_rename(table, "XMAR");
    sum = 0;
    for (unsigned i = 0; i < 64; i++)
        sum = (uint8_t)(sum + table[i]);
    CHECK(sum == 0 && memcmp(table, "XMAR", 4) == 0);
}

// Root tables and what they name, at their offsets.
enum { AT_XSDT = 64, AT_RSDT = 288, AT_A = 512, AT_B = 640, AT_OTHER = 768 };
#define AT(offset) (ACPI_BASE + (offset))

static struct acpi_copies acpi_copies_of(const uint64_t *xsdt, unsigned xsdt_count, const uint64_t *rsdt, unsigned rsdt_count)
{
    struct acpi_copies copies;
    acpi_begin(AT_RSDT, AT_XSDT);
    acpi_table(AT_A, "DMAR", 48);
    acpi_table(AT_B, "DMAR", 48);
    acpi_table(AT_OTHER, "APIC", 44);
    acpi_root(AT_XSDT, "XSDT", 8, xsdt, xsdt_count);
    acpi_root(AT_RSDT, "RSDT", 4, rsdt, rsdt_count);
    acpi_list(&copies, acpi_memory(), AT(ACPI_RSDP), "DMAR");
    return copies;
}

TEST(acpi_lists_each_copy_once)
{
    const uint64_t both[] = { AT(AT_OTHER), AT(AT_A), AT(AT_B) }, a[] = { AT(AT_A), AT(AT_OTHER) }, b[] = { AT(AT_B) }, odd[] = { 0, 8, ~0ull, AT(ACPI_BYTES - 1), AT(AT_B) };
    struct acpi_copies copies = acpi_copies_of(a, 2, a, 2);
    CHECK(copies.count == 1 && copies.address[0] == AT(AT_A));
    copies = acpi_copies_of(a, 2, b, 1);
    CHECK(copies.count == 2 && copies.address[0] == AT(AT_A) && copies.address[1] == AT(AT_B));
    copies = acpi_copies_of(both, 3, a, 2);
    CHECK(copies.count == 2);
    copies = acpi_copies_of(odd, 5, a, 0);
    CHECK(copies.count == 1 && copies.address[0] == AT(AT_B));
    acpi_bytes[AT_B + 40]++;  // a damaged one counts: an OS may use it all the same
    acpi_list(&copies, acpi_memory(), AT(ACPI_RSDP), "DMAR");
    CHECK_EQ(copies.count, 1);
    acpi_bytes[ACPI_RSDP]++;
    acpi_list(&copies, acpi_memory(), AT(ACPI_RSDP), "DMAR");
    CHECK_EQ(copies.count, 0);
}

TEST(acpi_lists_no_more_than_there_is_room_for)
{
    // A header every 40 bytes, from behind the root on.
    uint64_t many[ACPI_COPIES + 4];
    for (unsigned i = 0; i < ACPI_COPIES + 4; i++)
        many[i] = AT(1024 + i * 40);
    struct acpi_copies copies = acpi_copies_of(many, ACPI_COPIES + 4, many, 0);
    CHECK_EQ(copies.count, 0);
    for (unsigned i = 0; i < ACPI_COPIES + 4; i++)
        acpi_table(1024 + i * 40, "DMAR", 40);
    acpi_list(&copies, acpi_memory(), AT(ACPI_RSDP), "DMAR");
    CHECK_EQ(copies.count, ACPI_COPIES);
}
