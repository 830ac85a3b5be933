// SPDX-License-Identifier: BSD-2-Clause
// Reads the DMAR table. Pure; believes no length and no address.
#include "dmar.h"

#include "acpi.h"

#define LOW_END (1ull << 32)

enum { STRUCTURES = 48, STRUCTURE_BYTES = 4 };  // behind the table's header: address width, flags, reserved
enum { TYPE_DRHD = 0, TYPE_RMRR = 1 };
// VT-d 8.3 "DMA Remapping Hardware Unit Definition Structure", 8.4 "Reserved Memory Region Reporting Structure": offsets and sizes without the devices' paths.
enum { DRHD_SIZE = 5, DRHD_BASE = 8, DRHD_BYTES = 16 };
enum { RMRR_BASE = 8, RMRR_LIMIT = 16, RMRR_BYTES = 24 };

struct place { const struct boot_info *info; uint64_t hidden_base, hidden_bytes; };

static bool overlaps(uint64_t base, uint64_t bytes, uint64_t other, uint64_t other_bytes) { return base < other + other_bytes && other < base + bytes; }

static bool in_ram(const struct place *place, uint64_t base, uint64_t bytes)
{
    bool found = overlaps(base, bytes, place->hidden_base, place->hidden_bytes);
    for (uint32_t i = 0; i < place->info->range_count; i++)
        found = found || (place->info->range[i].kind == RANGE_RAM && overlaps(base, bytes, place->info->range[i].base, place->info->range[i].bytes));
    return found;
}

static const char *take_unit(struct dmar *dmar, const uint8_t *at, const struct place *place)
{
    const struct dmar_unit unit = { acpi_number(at + DRHD_BASE, 8), PAGE_BYTES << (at[DRHD_SIZE] & 15) };
    if (!unit.base || unit.base % PAGE_BYTES || unit.base >= LOW_END || unit.bytes > LOW_END - unit.base)
        return "the DMAR table names a unit's registers at no page below 4 GiB";
    if (in_ram(place, unit.base, unit.bytes))
        return "the DMAR table names a unit's registers in RAM";
    for (unsigned i = 0; i < dmar->count; i++)
        if (overlaps(unit.base, unit.bytes, dmar->unit[i].base, dmar->unit[i].bytes))
            return "the DMAR table names two units at one place";
    if (dmar->count == VTD_UNITS)
        return "the DMAR table has too many units";
    dmar->unit[dmar->count++] = unit;
    return NULL;
}

static const char *check_reserved(const uint8_t *at, const struct place *place)
{
    uint64_t base = acpi_number(at + RMRR_BASE, 8), limit = acpi_number(at + RMRR_LIMIT, 8);
    if (limit < base || limit == ~0ull)
        return "the DMAR table reserves memory that ends before it begins";
    if (overlaps(base, limit + 1 - base, place->hidden_base, place->hidden_bytes))
        return "the DMAR table reserves hidden memory for a device";
    return NULL;
}

const char *dmar_read(struct dmar *dmar, const uint8_t *at, uint32_t bytes, const struct boot_info *info, uint64_t hidden_base, uint64_t hidden_bytes)
{
    const struct place place = { info, hidden_base, hidden_bytes };
    const char *wrong = NULL;
    dmar->count = 0;
    for (uint32_t i = STRUCTURES, length; !wrong && i < bytes; i += length) {
        if (bytes - i < STRUCTURE_BYTES)
            return "the DMAR table is cut off";
        const uint64_t type = acpi_number(at + i, 2);
        length = (uint32_t)acpi_number(at + i + 2, 2);
        if (length < STRUCTURE_BYTES || length > bytes - i || (type == TYPE_DRHD && length < DRHD_BYTES) || (type == TYPE_RMRR && length < RMRR_BYTES))
            return "the DMAR table has a structure of a wrong length";
        if (type == TYPE_DRHD)
            wrong = take_unit(dmar, at + i, &place);
        else if (type == TYPE_RMRR)
            wrong = check_reserved(at + i, &place);
    }
    if (!wrong && !dmar->count)
        wrong = "the DMAR table names no unit";
    return wrong;
}
