// SPDX-License-Identifier: BSD-2-Clause
// EPT01: RAM and the low 4 GiB at boot, MMIO above when L1 first touches it. One lock for changes and look-ups.
#include "ept01.h"

#include "log.h"
#include "memory.h"
#include "mtrr.h"
#include "panic.h"
#include "pool.h"
#include "shootdown.h"
#include "spinlock.h"
#include "vmx_caps.h"

#define TABLE_ENTRIES 512
#define LOW_BYTES     (4ull << 30)
#define DEMAND_TABLES 256u   // page tables for MMIO above what boot has mapped: 1 MiB at most; L1 gets #GP beyond (each is good for 1 GiB or more)
#define EPTP_WB_4     0x1eull // write-back tables, 4 levels, no accessed and dirty flags

static struct {
    struct spinlock lock;
    hpa_t root;
    hpa_t decoy;            // a page of ones
    hpa_t scratch;          // takes writes that vanish, ones otherwise
    uint64_t eager_end;     // everything below is mapped at boot
    uint32_t demand_tables; // in use above
    const struct boot_info *info;
} ept;

static uint64_t *table_at(uint64_t entry) { return hidden_va((hpa_t){ entry & EPT_ADDRESS }); }
static bool is_present(uint64_t entry) { return entry & EPT_RIGHTS; }
static uint64_t level_bytes(unsigned level) { return PAGE_BYTES << (9 * level); }  // 0: 4 KiB, 1: 2 MiB, 2: 1 GiB, 3: 512 GiB
static uint64_t *slot_of(uint64_t *table, uint64_t address, unsigned level) { return &table[address / level_bytes(level) % TABLE_ENTRIES]; }

static uint64_t leaf_of(uint64_t hpa, unsigned level, unsigned rights, enum memory_type type)
{
    return hpa | rights | (uint64_t)type << EPT_TYPE_SHIFT | (level ? EPT_LARGE : 0);
}

// Walks down to the entry for address at that level. A large leaf on the way is split into equal ones; tables are made.
static enum status descend(uint64_t address, unsigned level, uint64_t **out)
{
    uint64_t *table = hidden_va(ept.root);
    for (unsigned l = 3; l > level; l--) {
        uint64_t *slot = slot_of(table, address, l);
        if (!is_present(*slot) || *slot & EPT_LARGE) {
            hpa_t page;
            TRY(pool_alloc(1, &page));
            uint64_t *next = hidden_va(page);
            if (is_present(*slot))
                for (uint64_t i = 0; i < TABLE_ENTRIES; i++)
                    next[i] = (*slot & ~(l == 1 ? EPT_LARGE : 0)) + i * level_bytes(l - 1);
            if (address >= ept.eager_end)
                ept.demand_tables++;
            __atomic_store_n(slot, page.v | EPT_RIGHTS, __ATOMIC_RELEASE);
        }
        table = table_at(*slot);
    }
    *out = slot_of(table, address, level);
    return STATUS_OK;
}

// The largest leaf around address that is all of one type and clear of hidden memory.
static enum status fill(uint64_t address, uint64_t *bytes)
{
    unsigned level = vmx_caps->ept_1g ? 2 : vmx_caps->ept_2m ? 1 : 0;
    enum memory_type type = MEMORY_UC;
    for (;; level--) {
        uint64_t base = address & ~(level_bytes(level) - 1);
        bool whole = mtrr_type(base, level_bytes(level), &type) && !hidden_overlaps((hpa_t){ base }, level_bytes(level));
        if (whole || level == 0) {
            uint64_t *slot;
            TRY(descend(base, level, &slot));
            if (whole)
                __atomic_store_n(slot, leaf_of(base, level, EPT_RIGHTS, type), __ATOMIC_RELEASE);
            *bytes = level_bytes(level) - (address - base);
            return STATUS_OK;
        }
    }
}

enum status ept01_init(const struct boot_info *info)
{
    TRY(pool_alloc(1, &ept.root));
    TRY(pool_alloc(1, &ept.decoy));
    TRY(pool_alloc(1, &ept.scratch));
    memory_fill(hidden_va(ept.decoy), 0xff, PAGE_BYTES);
    memory_fill(hidden_va(ept.scratch), 0xff, PAGE_BYTES);
    ept.info = info;
    uint64_t end = LOW_BYTES;
    for (unsigned i = 0; i < info->range_count; i++)
        if (info->range[i].kind != RANGE_MMIO && info->range[i].base + info->range[i].bytes > end)
            end = info->range[i].base + info->range[i].bytes;
    uint64_t bytes;
    ept.eager_end = ~0ull;  // none of these tables is an on-demand one
    for (uint64_t address = 0; address < end; address += bytes)
        TRY(fill(address, &bytes));
    ept.eager_end = (end + HUGE_BYTES - 1) & ~(HUGE_BYTES - 1);
    return STATUS_OK;
}

uint64_t ept01_pointer(void) { return ept.root.v | EPTP_WB_4; }

static enum status walk(uint64_t address, uint64_t *entry, unsigned *level)
{
    const uint64_t *table = hidden_va(ept.root);
    for (unsigned l = 3;; l--) {
        *entry = table[address / level_bytes(l) % TABLE_ENTRIES];
        *level = l;
        if (!is_present(*entry))
            return STATUS_BAD_ADDRESS;
        if (l == 0 || *entry & EPT_LARGE)
            return STATUS_OK;
        table = table_at(*entry);
    }
}

enum status ept01_lookup(gpa1_t address, struct ept01_leaf *out)
{
    unsigned bits = vmx_caps->physical_bits < 48 ? vmx_caps->physical_bits : 48;
    if (address.v >> bits || hidden_overlaps((hpa_t){ address.v & PAGE_MASK }, PAGE_BYTES))
        return STATUS_BAD_ADDRESS;
    uint64_t entry = 0, bytes;
    unsigned level = 0;
    spinlock_acquire(&ept.lock);
    enum status status = walk(address.v, &entry, &level);
    if (status != STATUS_OK && !(entry & EPT_OWNER)) {
        status = ept.demand_tables < DEMAND_TABLES ? fill(address.v, &bytes) : STATUS_NO_TABLES;
        if (status == STATUS_OK)
            status = walk(address.v, &entry, &level);
    }
    spinlock_release(&ept.lock);
    TRY(entry & EPT_OWNER ? STATUS_BAD_ADDRESS : status);
    uint64_t offset = address.v & (level_bytes(level) - 1);
    *out = (struct ept01_leaf){
        .hpa = { (entry & EPT_ADDRESS & ~(level_bytes(level) - 1)) + offset },
        .rights = entry & EPT_RIGHTS,
        .type = entry >> EPT_TYPE_SHIFT & 7,
        .level = (enum ept_level)level,
    };
    return STATUS_OK;
}

bool ept01_ram_range(unsigned i, gpa1_t *base, uint64_t *bytes)
{
    if (i / 2 >= ept.info->range_count)
        return false;
    const struct boot_range *range = &ept.info->range[i / 2];
    uint64_t first = (range->base + PAGE_BYTES - 1) & PAGE_MASK, end = (range->base + range->bytes) & PAGE_MASK;
    if (i % 2 == 0 && end > hidden_base.v)
        end = hidden_base.v;
    if (i % 2 == 1 && first < hidden_base.v + hidden_bytes)
        first = hidden_base.v + hidden_bytes;
    *base = (gpa1_t){ first };
    *bytes = range->kind == RANGE_RAM && end > first ? end - first : 0;
    return true;
}

static void retype_leaf(uint64_t *slot, unsigned level, uint64_t base);

static void retype_table(uint64_t *table, unsigned level, uint64_t base)
{
    for (unsigned i = 0; i < TABLE_ENTRIES; i++, base += level_bytes(level)) {
        if (!is_present(table[i]))
            continue;
        if (level > 0 && !(table[i] & EPT_LARGE))
            retype_table(table_at(table[i]), level - 1, base);
        else if (!(table[i] & EPT_OWNER) && !hidden_overlaps((hpa_t){ base }, level_bytes(level)))
            retype_leaf(&table[i], level, base);
    }
}

static void retype_leaf(uint64_t *slot, unsigned level, uint64_t base)
{
    enum memory_type type;
    uint64_t *below;
    if (mtrr_type(base, level_bytes(level), &type)) {
        __atomic_store_n(slot, leaf_of(base, level, *slot & EPT_RIGHTS, type), __ATOMIC_RELEASE);
    } else if (descend(base, level - 1, &below) == STATUS_OK) {
        retype_table(table_at(*slot), level - 1, base);
    } else {
        log_line(LOG_ERROR, "EPT01: no memory to split 0x%lx by memory type: uncached", base);
        __atomic_store_n(slot, leaf_of(base, level, *slot & EPT_RIGHTS, MEMORY_UC), __ATOMIC_RELEASE);
    }
}

void ept01_retype(void)
{
    spinlock_acquire(&ept.lock);
    bool changed = mtrr_read();
    if (changed)
        retype_table(hidden_va(ept.root), 3, 0);
    spinlock_release(&ept.lock);
    if (changed)
        shootdown();
}

enum status ept01_decoy(gpa1_t page, bool writable)
{
    uint64_t *slot;
    spinlock_acquire(&ept.lock);
    enum status status = descend(page.v, 0, &slot);
    uint64_t owner = status == STATUS_OK ? *slot & EPT_OWNER : 0;
    if (status == STATUS_OK && (owner || hidden_overlaps((hpa_t){ page.v }, PAGE_BYTES))) {
        uint64_t leaf = writable ? leaf_of(ept.scratch.v, 0, EPT_RIGHTS, MEMORY_WB)
                                 : leaf_of(ept.decoy.v, 0, EPT_READ | EPT_EXECUTE, MEMORY_WB);
        // A taken page is never executed: a fetch is how L1 calls what is in it.
        __atomic_store_n(slot, owner ? (leaf & ~(uint64_t)EPT_EXECUTE) | owner : leaf, __ATOMIC_RELEASE);
        if (!writable)
            memory_fill(hidden_va(ept.scratch), 0xff, PAGE_BYTES);
    }
    spinlock_release(&ept.lock);
    return status;
}

enum status ept01_own(gpa1_t page, uint32_t from, uint32_t to, bool mapped)
{
    gpa1_t base;
    uint64_t bytes, *slot;
    enum memory_type type = MEMORY_UC;
    bool ram = false;
    for (unsigned i = 0; !ram && ept01_ram_range(i, &base, &bytes); i++)
        ram = page.v % PAGE_BYTES == 0 && page.v - base.v < bytes;
    spinlock_acquire(&ept.lock);
    enum status status = ram ? descend(page.v, 0, &slot) : STATUS_BAD_ADDRESS;
    if (status == STATUS_OK && (*slot & EPT_OWNER) >> EPT_OWNER_SHIFT != from)
        status = STATUS_BUSY;
    if (status == STATUS_OK) {
        (void)mtrr_type(page.v, PAGE_BYTES, &type);
        __atomic_store_n(slot, (mapped ? leaf_of(page.v, 0, EPT_RIGHTS, type) : 0) | (uint64_t)to << EPT_OWNER_SHIFT, __ATOMIC_RELEASE);
    }
    spinlock_release(&ept.lock);
    return status;
}

uint32_t ept01_owner(gpa1_t page)
{
    uint64_t entry = 0;
    unsigned level;
    spinlock_acquire(&ept.lock);
    if (page.v >> 48 == 0)
        (void)walk(page.v, &entry, &level);
    spinlock_release(&ept.lock);
    return (uint32_t)((entry & EPT_OWNER) >> EPT_OWNER_SHIFT);
}
