// SPDX-License-Identifier: BSD-2-Clause
// Finds VT-d units, sets them up, and hides them.
#include "dma.h"

#include "acpi.h"
#include "console.h"
#include "dmar.h"
#include "machine.h"
#include "vtd.h"

static struct dmar dmar;                // no unit: nothing is protected
static struct acpi_copies tables;       // signed DMAR
static struct vtd_queue queue[VTD_UNITS];

static volatile struct vtd_registers *registers(unsigned unit) { return (volatile struct vtd_registers *)(uintptr_t)dmar.unit[unit].base; }

// The kernel's view of a unit.
static void describe(struct boot_info *info, unsigned unit)
{
    const uint64_t va = VTD_VA + unit * PAGE_BYTES;
    const struct vtd_faults faults = vtd_faults(registers(unit));
    info->vtd[unit] = (struct boot_vtd){
        .base = dmar.unit[unit].base, .bytes = dmar.unit[unit].bytes,
        .command = (volatile uint32_t *)(uintptr_t)(va + offsetof(struct vtd_registers, command)),
        .fault_status = (volatile uint32_t *)(uintptr_t)(va + offsetof(struct vtd_registers, fault_status)),
        .fault = (volatile uint64_t *)(uintptr_t)(va + faults.offset), .faults = faults.count,
    };
    if (queue[unit].base) {
        info->vtd[unit].tail = (volatile uint32_t *)(uintptr_t)(va + offsetof(struct vtd_registers, queue_tail));
        info->vtd[unit].answer = (volatile uint64_t *)(uintptr_t)(HIDDEN_BASE + (uintptr_t)queue[unit].answer);
    } else {
        info->vtd[unit].answer = (volatile uint64_t *)(uintptr_t)(va + vtd_iotlb(registers(unit)));
    }
    info->vtd_leaf &= vtd_leaf(registers(unit));  // all units have the same tables
    info->vtd_write_back = info->vtd_write_back || !vtd_snoops(registers(unit));
    info->vmx.ept_1g = info->vmx.ept_1g && vtd_huge(registers(unit));  // of EPT02's leaves as well: L1's own capability MSRs don't change
}

static const char *protect(struct boot_info *info, struct memory *memory)
{
    const char *wrong = NULL;
    struct acpi_table table;
    acpi_list(&tables, machine_acpi(info), info->rsdp, "DMAR");
    switch (acpi_find(&table, machine_acpi(info), info->rsdp, "DMAR")) {
    case ACPI_NONE: return "no VT-d, or off in the firmware's setup (no ACPI table DMAR)";
    case ACPI_DAMAGED: return "the ACPI table DMAR is damaged";
    case ACPI_FOUND: wrong = dmar_read(&dmar, table.at, table.bytes, info, memory->base, memory->bytes);
    }
    for (unsigned i = 0; !wrong && i < dmar.count; i++)
        wrong = vtd_missing(registers(i));
    uint64_t root = wrong ? 0 : vtd_tables(memory, info->ept01);
    bool enough = wrong || root;
    for (unsigned i = 0; !wrong && i < dmar.count; i++) {
        queue[i].base = 0;
        enough = enough && (!vtd_queues(registers(i)) || vtd_queue_make(&queue[i], memory));
    }
    if (!enough)
        wrong = "no hidden memory is left for VT-d's tables";
    for (unsigned i = 0; !wrong && i < dmar.count; i++)
        if (!vtd_prepare(registers(i), root, &queue[i]))
            wrong = "a VT-d unit does not obey";
    for (unsigned i = 0; wrong && root && i < dmar.count; i++)
        vtd_stop(registers(i));  // no unit goes on with a queue that nobody keeps
    return wrong;
}

bool dma_prepare(struct boot_info *info, struct memory *memory, enum conf_dma wanted)
{
    const char *wrong = wanted == CONF_DMA_OFF ? "bulkhead.conf has dma = off" : protect(info, memory);
    if (wrong) {
        dmar.count = 0;
        if (wanted == CONF_DMA_REQUIRE)
            console_line("dma = require: %s", wrong);
        else
            console_line("DMA: NOT PROTECTED: %s", wrong);
        return wanted != CONF_DMA_REQUIRE;
    }
    info->vtd_count = dmar.count;
    info->vtd_leaf = ~0ull;
    for (unsigned i = 0; i < dmar.count; i++)
        describe(info, i);
    console_line("DMA: protected by %u VT-d units%s", dmar.count, info->vtd_leaf ? "" : "; not all of them make devices snoop caches");
    return true;
}

void dma_hide(void)
{
    for (unsigned i = 0; dmar.count && i < tables.count; i++)
        acpi_rename((uint8_t *)(uintptr_t)tables.address[i], "XMAR");
}

void dma_stop(void)
{
    for (unsigned i = 0; i < dmar.count; i++)
        vtd_stop(registers(i));
}
