// SPDX-License-Identifier: BSD-2-Clause
// EPT01: RAM and the low 4 GiB at boot, MMIO above when L1 first touches it. One lock for changes and look-ups.
#include "ept01.h"

#include "ept02.h"
#include "log.h"
#include "memory.h"
#include "mtrr.h"
#include "pool.h"
#include "spinlock.h"
#include "tree.h"
#include "vmx_caps.h"

#define DEMAND_TABLES 256u   // page tables for MMIO above what boot has mapped: 1 MiB at most; L1 gets #GP beyond (each is good for 1 GiB or more)
#define EPTP_WB_4     0x1eull // write-back tables, 4 levels, no accessed and dirty flags

static struct {
    struct spinlock lock;
    struct tree tree;
    uint32_t demand_tables; // made since then
    uint32_t taken;         // pages that have an owner
} ept;

uint32_t ept01_generation;

static uint64_t leaf_of(uint64_t hpa, unsigned level, unsigned rights, enum memory_type type)
{
    return hpa | rights | (uint64_t)type << EPT_TYPE_SHIFT | (level ? EPT_LARGE : 0) | boot_info->vtd_leaf;
}

// The largest leaf around address that is all of one type and clear of hidden memory.
static enum status fill(uint64_t address, uint64_t *bytes)
{
    unsigned level = vmx_caps->ept_1g ? 2 : vmx_caps->ept_2m ? 1 : 0;
    enum memory_type type = MEMORY_UC;
    for (;; level--) {
        uint64_t base = address & ~(tree_bytes(level) - 1);
        bool whole = mtrr_type(base, tree_bytes(level), &type) && !hidden_overlaps((hpa_t){ base }, tree_bytes(level));
        if (whole || level == 0) {
            uint64_t *slot;
            TRY(tree_slot(&ept.tree, base, level, &slot));
            if (whole)
                tree_set(&ept.tree, slot, leaf_of(base, level, EPT_RIGHTS, type));
            *bytes = tree_bytes(level) - (address - base);
            return STATUS_OK;
        }
    }
}

enum status ept01_init(const struct boot_info *info)
{
    ept.tree = (struct tree){ .root = { info->ept01 }, .table_bits = EPT_RIGHTS, .write_back = info->vtd_write_back };
    uint64_t bytes;
    // Of a large page of hidden memory, which has whole ones, a single page: it makes the table that a decoy needs.
    for (uint64_t address = 0; address < info->mapped_end; address += address - info->hidden_base < info->hidden_bytes ? tree_bytes(1) : bytes)
        TRY(fill(address, &bytes));
    return STATUS_OK;
}

uint64_t ept01_pointer(void) { return ept.tree.root.v | EPTP_WB_4; }

enum status ept01_lookup(gpa1_t address, struct ept01_leaf *out)
{
    unsigned bits = vmx_caps->physical_bits < 48 ? vmx_caps->physical_bits : 48, level;
    out->owner = 0;
    if (address.v >> bits || hidden_overlaps((hpa_t){ address.v & PAGE_MASK }, PAGE_BYTES))
        return STATUS_BAD_ADDRESS;
    uint64_t bytes;
    enum status status = STATUS_OK;
    spinlock_acquire(&ept.lock);
    uint64_t entry = tree_find(&ept.tree, address.v, &level);
    if (!tree_there(entry) && !(entry & EPT_OWNER)) {
        uint32_t before = ept.tree.made;
        status = ept.demand_tables < DEMAND_TABLES ? fill(address.v, &bytes) : STATUS_NO_TABLES;
        ept.demand_tables += ept.tree.made - before;
        entry = tree_find(&ept.tree, address.v, &level);
    }
    spinlock_release(&ept.lock);
    TRY(status);
    out->owner = (uint32_t)((entry & EPT_OWNER) >> EPT_OWNER_SHIFT);
    if (!tree_there(entry) || out->owner != 0)
        return STATUS_BAD_ADDRESS;
    uint64_t offset = address.v & (tree_bytes(level) - 1);
    *out = (struct ept01_leaf){
        .hpa = { (entry & EPT_ADDRESS & ~(tree_bytes(level) - 1)) + offset },
        .rights = entry & EPT_RIGHTS,
        .type = entry >> EPT_TYPE_SHIFT & 7,
        .level = (enum ept_level)level,
    };
    return STATUS_OK;
}

static void retype_leaf(uint64_t *slot, unsigned level, uint64_t base);

static void retype_table(uint64_t *table, unsigned level, uint64_t base)
{
    for (unsigned i = 0; i < TREE_ENTRIES; i++, base += tree_bytes(level)) {
        if (!tree_there(table[i]))
            continue;
        if (level > 0 && !(table[i] & EPT_LARGE))
            retype_table(tree_table(table[i]), level - 1, base);
        else if (!(table[i] & EPT_OWNER) && !hidden_overlaps((hpa_t){ base }, tree_bytes(level)))
            retype_leaf(&table[i], level, base);
    }
}

static void retype_leaf(uint64_t *slot, unsigned level, uint64_t base)
{
    enum memory_type type;
    uint64_t *below;
    if (mtrr_type(base, tree_bytes(level), &type)) {
        tree_set(&ept.tree, slot, leaf_of(base, level, *slot & EPT_RIGHTS, type));
    } else if (tree_slot(&ept.tree, base, level - 1, &below) == STATUS_OK) {
        retype_table(tree_table(*slot), level - 1, base);
    } else {
        log_line(LOG_ERROR, "EPT01: no memory to split 0x%lx by memory type: uncached", base);
        tree_set(&ept.tree, slot, leaf_of(base, level, *slot & EPT_RIGHTS, MEMORY_UC));
    }
}

void ept01_retype(void)
{
    spinlock_acquire(&ept.lock);
    bool changed = mtrr_read();
    if (changed)
        retype_table(hidden_va(ept.tree.root), 3, 0);
    __atomic_fetch_add(&ept01_generation, changed, __ATOMIC_RELEASE);
    spinlock_release(&ept.lock);
    if (changed)
        ept02_expel(NULL, 0);
}

enum status ept01_decoy(gpa1_t page, bool writable)
{
    uint64_t *slot;
    spinlock_acquire(&ept.lock);
    enum status status = tree_slot(&ept.tree, page.v, 0, &slot);
    uint64_t owner = status == STATUS_OK ? *slot & EPT_OWNER : 0;
    if (status == STATUS_OK && (owner || hidden_overlaps((hpa_t){ page.v }, PAGE_BYTES))) {
        const uint64_t scratch = boot_info->decoys + DECOY_SCRATCH * PAGE_BYTES;  // takes writes that vanish, ones otherwise
        uint64_t leaf = writable ? leaf_of(scratch, 0, EPT_RIGHTS, MEMORY_WB)
                                 : leaf_of(boot_info->decoys + DECOY_01 * PAGE_BYTES, 0, EPT_READ | EPT_EXECUTE, MEMORY_WB);
        // A taken page is never executed: a fetch is how L1 calls what is in it.
        tree_set(&ept.tree, slot, owner ? (leaf & ~(uint64_t)EPT_EXECUTE) | owner : leaf);
        if (!writable)
            memory_fill(hidden_va((hpa_t){ scratch }), 0xff, PAGE_BYTES);
    }
    spinlock_release(&ept.lock);
    return status;
}

// A whole page of RAM that isn't hidden.
static bool is_ram(uint64_t page)
{
    for (unsigned i = 0; i < boot_info->range_count; i++) {
        const struct boot_range *range = &boot_info->range[i];
        if (range->kind == RANGE_RAM && page >= range->base && page - range->base < range->bytes)
            return page % PAGE_BYTES == 0 && range->bytes - (page - range->base) >= PAGE_BYTES && !hidden_overlaps((hpa_t){ page }, PAGE_BYTES);
    }
    return false;
}

enum status ept01_own(gpa1_t page, uint32_t from, uint32_t to, bool mapped)
{
    uint64_t *slot;
    enum memory_type type = MEMORY_UC;
    bool ram = is_ram(page.v);
    spinlock_acquire(&ept.lock);
    enum status status = ram ? tree_slot(&ept.tree, page.v, 0, &slot) : STATUS_BAD_ADDRESS;
    if (status == STATUS_OK && (*slot & EPT_OWNER) >> EPT_OWNER_SHIFT != from)
        status = STATUS_BUSY;
    if (status == STATUS_OK) {
        (void)mtrr_type(page.v, PAGE_BYTES, &type);
        tree_set(&ept.tree, slot, (mapped ? leaf_of(page.v, 0, EPT_RIGHTS, type) : 0) | (uint64_t)to << EPT_OWNER_SHIFT);
        __atomic_fetch_add(&ept01_generation, 1, __ATOMIC_RELEASE);
        __atomic_store_n(&ept.taken, ept.taken + (to != 0) - (from != 0), __ATOMIC_RELEASE);
    }
    spinlock_release(&ept.lock);
    return status;
}

uint32_t ept01_taken(void) { return __atomic_load_n(&ept.taken, __ATOMIC_ACQUIRE); }

uint32_t ept01_owner(gpa1_t page)
{
    unsigned level;
    spinlock_acquire(&ept.lock);
    uint64_t entry = page.v >> 48 == 0 ? tree_find(&ept.tree, page.v, &level) : 0;
    spinlock_release(&ept.lock);
    return (uint32_t)((entry & EPT_OWNER) >> EPT_OWNER_SHIFT);
}
