/* SPDX-License-Identifier: BSD-2-Clause */
/* ACPI tables for Bochs' i440FX machine: it has the hardware, but its firmware interface publishes no tables. */
#include "tables.h"

#include "acpi_table.h"
#include "dsdt.h" /* generated: dsdt_aml[] */

enum {
    PM_BASE = 0xb000, /* where OVMF puts the PIIX4's power management block */
    SCI_IRQ = 9,
    LAPIC_BASE = 0xfee00000,
    IOAPIC_BASE = 0xfec00000,
    HPET_BASE = 0xfed00000,
    HPET_ID = 0x8086a201,
    RESET_PORT = 0xcf9,
    SPACE_MEMORY = 0,
    SPACE_IO = 1,
    FADT_WBINVD = 1 << 0,
    FADT_NO_POWER_BUTTON = 1 << 4,
    FADT_NO_SLEEP_BUTTON = 1 << 5,
    FADT_RESET_REG = 1 << 10,
    BOOT_ARCH_LEGACY_8042 = 3,
    MADT_PCAT_COMPAT = 1,
    LAPIC_ENABLED = 1,
    ACTIVE_HIGH_LEVEL = 0x000d,
};

/* Takes the next piece of one block; every table starts on a cache line, as the FACS must. */
struct arena {
    uint8_t *base;
    uint32_t used;
    uint32_t size;
};

static void *arena_take(struct arena *arena, uint32_t bytes)
{
    uint32_t aligned = (bytes + 63U) & ~63U;
    if (aligned > arena->size - arena->used) {
        return 0;
    }
    void *piece = arena->base + arena->used;
    arena->used += aligned;
    return piece;
}

static void bytes_copy(void *to, const void *from, uint32_t bytes)
{
    uint8_t *t = to;
    const uint8_t *f = from;
    for (uint32_t i = 0; i < bytes; i++) {
        t[i] = f[i];
    }
}

static uint8_t bytes_checksum(const void *table, uint32_t bytes)
{
    const uint8_t *b = table;
    uint8_t sum = 0;
    for (uint32_t i = 0; i < bytes; i++) {
        sum = (uint8_t)(sum + b[i]);
    }
    return (uint8_t)(0 - sum);
}

static uint32_t low32(const void *p)
{
    return (uint32_t)(uintptr_t)p;
}

static void header_set(struct acpi_header *h, const char *signature, uint8_t revision, uint32_t length)
{
    bytes_copy(h->signature, signature, 4);
    bytes_copy(h->oem_id, "BULKHD", 6);
    bytes_copy(h->oem_table_id, "BOCHS   ", 8);
    bytes_copy(&h->creator_id, "BLKH", 4);
    h->oem_revision = 1;
    h->creator_revision = 1;
    h->revision = revision;
    h->length = length;
    h->checksum = 0;
}

/* Last of all, when the table's contents are final. */
static void header_seal(struct acpi_header *h)
{
    h->checksum = bytes_checksum(h, h->length);
}

static struct acpi_address address_io(uint16_t port, uint8_t bytes)
{
    return (struct acpi_address){ .space = SPACE_IO, .bit_width = (uint8_t)(bytes * 8), .address = port };
}

static struct acpi_header *fadt_build(struct arena *arena, const void *dsdt)
{
    struct acpi_facs *facs = arena_take(arena, sizeof(*facs));
    struct acpi_fadt *fadt = arena_take(arena, sizeof(*fadt));
    if (!facs || !fadt) {
        return 0;
    }
    bytes_copy(facs->signature, "FACS", 4);
    facs->length = sizeof(*facs);
    facs->version = 1;

    header_set(&fadt->header, "FACP", 4, sizeof(*fadt));
    fadt->facs = low32(facs);
    fadt->x_facs = (uintptr_t)facs;
    fadt->dsdt = low32(dsdt);
    fadt->x_dsdt = (uintptr_t)dsdt;
    fadt->sci_int = SCI_IRQ;
    /* smi_cmd stays 0: the machine is always in ACPI mode, and there is no SMM code that could switch it. */
    fadt->pm1a_evt_blk = PM_BASE;
    fadt->pm1a_cnt_blk = PM_BASE + 4;
    fadt->pm_tmr_blk = PM_BASE + 8;
    fadt->pm1_evt_len = 4;
    fadt->pm1_cnt_len = 2;
    fadt->pm_tmr_len = 4;
    fadt->x_pm1a_evt_blk = address_io(PM_BASE, 4);
    fadt->x_pm1a_cnt_blk = address_io(PM_BASE + 4, 2);
    fadt->x_pm_tmr_blk = address_io(PM_BASE + 8, 4);
    fadt->p_lvl2_lat = 0xffff; /* no C2 */
    fadt->p_lvl3_lat = 0xffff; /* no C3 */
    fadt->century = 0x32;
    fadt->iapc_boot_arch = BOOT_ARCH_LEGACY_8042;
    fadt->flags = FADT_WBINVD | FADT_NO_POWER_BUTTON | FADT_NO_SLEEP_BUTTON | FADT_RESET_REG;
    fadt->reset_reg = address_io(RESET_PORT, 1);
    fadt->reset_value = 6;
    header_seal(&fadt->header);
    return &fadt->header;
}

static struct acpi_header *madt_build(struct arena *arena, const struct cpu_list *cpus)
{
    uint32_t length = (uint32_t)(sizeof(struct acpi_madt) + cpus->count * sizeof(struct madt_lapic) +
                                 sizeof(struct madt_ioapic) + 2 * sizeof(struct madt_override));
    struct acpi_madt *madt = arena_take(arena, length);
    if (!madt) {
        return 0;
    }
    header_set(&madt->header, "APIC", 3, length);
    madt->lapic_address = LAPIC_BASE;
    madt->flags = MADT_PCAT_COMPAT;

    uint8_t *at = madt->entries;
    for (unsigned i = 0; i < cpus->count; i++) {
        struct madt_lapic lapic = { 0, sizeof(lapic), (uint8_t)i, cpus->apic_id[i], LAPIC_ENABLED };
        bytes_copy(at, &lapic, sizeof(lapic));
        at += sizeof(lapic);
    }
    /* Bochs gives its I/O APIC the ID after the last CPU's. */
    struct madt_ioapic ioapic = { 1, sizeof(ioapic), (uint8_t)cpus->count, 0, IOAPIC_BASE, 0 };
    bytes_copy(at, &ioapic, sizeof(ioapic));
    at += sizeof(ioapic);
    struct madt_override timer = { 2, sizeof(timer), 0, 0, 2, 0 };
    bytes_copy(at, &timer, sizeof(timer));
    at += sizeof(timer);
    struct madt_override sci = { 2, sizeof(sci), 0, SCI_IRQ, SCI_IRQ, ACTIVE_HIGH_LEVEL };
    bytes_copy(at, &sci, sizeof(sci));
    header_seal(&madt->header);
    return &madt->header;
}

static struct acpi_header *hpet_build(struct arena *arena)
{
    struct acpi_hpet *hpet = arena_take(arena, sizeof(*hpet));
    if (!hpet) {
        return 0;
    }
    header_set(&hpet->header, "HPET", 1, sizeof(*hpet));
    hpet->event_timer_block_id = HPET_ID;
    hpet->base = (struct acpi_address){ .space = SPACE_MEMORY, .bit_width = 64, .address = HPET_BASE };
    hpet->minimum_tick = 0x80;
    header_seal(&hpet->header);
    return &hpet->header;
}

struct acpi_rsdp *tables_build(uint8_t *memory, const struct cpu_list *cpus)
{
    struct arena arena = { memory, 0, ACPI_TABLES_BYTES };
    struct acpi_rsdp *rsdp = arena_take(&arena, sizeof(*rsdp));
    struct acpi_xsdt *xsdt = arena_take(&arena, sizeof(*xsdt));
    void *dsdt = arena_take(&arena, sizeof(dsdt_aml));
    if (!rsdp || !xsdt || !dsdt) {
        return 0;
    }
    bytes_copy(dsdt, dsdt_aml, sizeof(dsdt_aml));
    struct acpi_header *tables[] = { fadt_build(&arena, dsdt), madt_build(&arena, cpus), hpet_build(&arena) };
    header_set(&xsdt->header, "XSDT", 1, sizeof(*xsdt));
    for (unsigned i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        if (!tables[i]) {
            return 0;
        }
        xsdt->entry[i] = (uintptr_t)tables[i];
    }
    header_seal(&xsdt->header);

    bytes_copy(rsdp->signature, "RSD PTR ", 8);
    bytes_copy(rsdp->oem_id, "BULKHD", 6);
    rsdp->revision = 2;
    rsdp->length = sizeof(*rsdp);
    rsdp->xsdt = (uintptr_t)xsdt;
    rsdp->checksum = bytes_checksum(rsdp, 20); /* the ACPI 1.0 part */
    rsdp->extended_checksum = bytes_checksum(rsdp, sizeof(*rsdp));
    return rsdp;
}
