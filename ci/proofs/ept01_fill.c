// SPDX-License-Identifier: BSD-2-Clause
// Proof: the leaf that EPT01 gets around an address maps it to itself and holds no hidden memory (I1), and mtrr_type() said its memory type for all
// of it; a page that is hidden gets none.
// CBMC: unwind=6
#include "any_caps.h"
#include "any_ept01.h"
#include "no_machine.h"

#include "../../kernel/ept01.c"

static struct boot_info info;
const struct boot_info *boot_info = &info;
static uint64_t written, asked_base, asked_bytes;
static unsigned written_level = 9;
static enum memory_type its_type;
static bool asked_well;

enum status tree_slot(struct tree *tree, uint64_t address, unsigned level, uint64_t **out)
{
    (void)tree, (void)address;
    written_level = level;
    *out = &written;
    return any_bool() ? STATUS_OK : STATUS_NO_MEMORY;
}

bool mtrr_type(uint64_t base, uint64_t bytes, enum memory_type *type)
{
    asked_base = base;
    asked_bytes = bytes;
    its_type = *type = (enum memory_type)any_below(7);
    return asked_well = any_bool();
}

bool hidden_overlaps(hpa_t base, uint64_t bytes) { return has_hidden(base.v, bytes); }

int main(void)
{
    any_caps();
    any_hidden();
    info.vtd_leaf = any_bool() ? 1ull << 11 : 0;
    uint64_t address = any_u64(), bytes;
    ASSUME(address < 1ull << 52);
    if (fill(address, &bytes) != STATUS_OK)
        return 0;
    uint64_t size = leaf_bytes(written_level), base = address & ~(size - 1);
    PROVE(written_level < EPT_LEVEL_COUNT && bytes == size - (address - base), "the rest of the leaf or hole is said");
    if (written == 0)
        return 0;
    PROVE((written & EPT_ADDRESS) == base && (written & ~(EPT_ADDRESS | 0xbfull)) == info.vtd_leaf, "the identity, no odd bits but VT-d's");
    PROVE((written & 1 << 7) != 0 || written_level == 0, "a large entry is a leaf");
    PROVE(!has_hidden(base, size), "no hidden memory");
    PROVE(asked_well && asked_base == base && asked_bytes == size && (written >> 3 & 7) == its_type, "the memory type holds for all of it");
    return 0;
}
