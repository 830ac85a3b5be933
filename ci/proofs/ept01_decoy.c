// SPDX-License-Identifier: BSD-2-Clause
// Proof: ept01_decoy() and ept01_retype() write no leaf but this: in hidden memory and in pages that were taken the read-only page of ones or the scratch page, elsewhere the leaf
// that was there with another memory type (I1).
// CBMC: unwind=6 replace=retype_table:contract_retype
// Of the boot information no more than is looked at.
#include <caps/layout.h>
#undef CPU_MAX
#define CPU_MAX 1
#undef PARTITION_MAX
#define PARTITION_MAX 1
#include "any_caps.h"
#include "any_ept01.h"
#include "no_machine.h"

#define memory_fill memory_fill_of_the_kernel
#include "../../kernel/memory.h"
#undef memory_fill
static void memory_fill(void *to, uint8_t value, size_t bytes) { (void)to, (void)value, (void)bytes; }

#include "../../kernel/ept01.c"

static struct boot_info info;
const struct boot_info *boot_info = &info;
static uint64_t entry, below;
static bool split;

enum status tree_slot(struct tree *tree, uint64_t address, unsigned level, uint64_t **out)
{
    (void)tree, (void)address, (void)level;
    *out = split ? &below : &entry;
    return any_bool() ? STATUS_OK : STATUS_NO_MEMORY;
}

void contract_retype(uint64_t *table, unsigned level, uint64_t base) { (void)table, (void)level, (void)base; }

bool mtrr_type(uint64_t base, uint64_t bytes, enum memory_type *type)
{
    *type = (enum memory_type)any_below(7);
    (void)base;
    return bytes == PAGE_BYTES || any_bool();  // a page has one type: proof mtrr_type
}

bool mtrr_read(void) { return any_bool(); }
bool hidden_overlaps(hpa_t base, uint64_t bytes) { return has_hidden(base.v, bytes); }

int main(void)
{
    any_caps();
    any_hidden();
    info.vtd_leaf = any_bool() ? 1ull << 11 : 0;
    info.decoys = any_u64() & PAGE_MASK;
    ASSUME(info.decoys < 1ull << 51);
    uint64_t before = entry = any_u64(), address = any_u64() & PAGE_MASK;
    ASSUME(address < 1ull << 48);
    if (any_bool()) {
        bool writable = any_bool();
        (void)ept01_decoy((gpa1_t){ address }, writable);
        PROVE(ept.lock.held == 0, "the lock is free again");
        if (entry == before)
            return 0;
        PROVE(has_hidden(address, PAGE_BYTES) || (before & EPT_OWNER), "only hidden pages and taken ones get a decoy");
        PROVE((entry & EPT_OWNER) == (before & EPT_OWNER) && (!(before & EPT_OWNER) || !(entry & EPT_EXECUTE)), "a taken one stays so, and is never executed");
        PROVE((entry & EPT_ADDRESS) == info.decoys + (writable ? DECOY_SCRATCH : DECOY_01) * PAGE_BYTES, "which is one of the two");
        PROVE(writable || !(entry & EPT_WRITE), "and the page of ones is not writable");
        return 0;
    }
    split = true;
    unsigned level = any_below(3);
    uint64_t bytes = leaf_bytes(level), base = address & ~(bytes - 1);
    ASSUME((before & EPT_RIGHTS) && (before & EPT_ADDRESS) == base && (before >> 7 & 1) == (level > 0) && before >> 52 == 0 && (before & 0xf40) == info.vtd_leaf);
    retype_leaf(&entry, level, base);
    PROVE(((entry ^ before) & ~0x38ull) == 0, "only the memory type changes");
    return 0;
}
