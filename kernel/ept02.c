// SPDX-License-Identifier: BSD-2-Clause
// EPT02 trees. The only code that writes their entries.

#include "ept02.h"

#include <stddef.h>

#include <caps/cap.h>
#include <caps/msg.h>

#include "memory.h"
#include "partition.h"
#include "shootdown.h"
#include "spinlock.h"
#include "tree.h"
#include "vmx_caps.h"

#define LEVEL_TOP     3
#define TOP_COUNT     (ROOT_MAX + VMCS02_MAX + 1)
#define TOP_EMPTY     0                          // always there, always empty: for tags that no root holds
#define ENTRY_TABLE   ((uint64_t)EPT_PRESENT)
#define EPTP_BITS     (6u | (3u << 3))           // write-back, 4 levels (SDM 3C 25.6.11 "Extended-Page-Table Pointer (EPTP)")
#define STOCK_PAGES   256u                       // set aside, zeroed, when the kernel starts: no miss waits for its table to be zeroed until they are used up

// Of a table's page: the list that it is in, and which entries may hold something. An idle page's are zeroed when it is a table again: those alone. A tree's
// tables are a ring, through the top table.
struct page_link { uint32_t next, previous; uint16_t low, high; };

struct root {
    struct spinlock lock;
    bool used;
    uint64_t tag;
    uint32_t pals_of;             // see boot_info.h
    bool decoys;                  // there may be decoys of pages that have an owner
    uint32_t decoy;               // the page that this tag's L2 sees where L1 has none: what it writes there no other L2 reads; a PAL sees none
    uint32_t top;
    struct ept02_cursor cursor;
    uint32_t count;               // its tables, without the top table
};

struct top {
    hpa_t page;
    uint32_t references;     // one by the root, one by each VMCS02 whose EPTP names it
};

uint32_t ept02_generation;
static struct root roots[ROOT_MAX];
static struct top tops[TOP_COUNT];
static uint32_t expelling;         // CPUs in ept02_expel()
static struct spinlock bind_lock;  // roots' tags and tops, tops' references; after a root's lock

// Table pages: taken from the pool once, then kept in a list of their own.
static struct spinlock page_lock;
static struct page_link *links;    // by page number
static hpa_t pages_first;
static uint32_t pages_free = EPT02_NO_PAGE;
static uint32_t pages_budget, pages_taken, pages_idle, pages_reserved;  // taken from the pool; of these in pages_free; promised

static unsigned level_shift(unsigned level) { return PAGE_BITS + 9 * level; }
static uint32_t page_number(hpa_t page) { return (uint32_t)((page.v - pages_first.v) / PAGE_BYTES); }
static uint32_t page_of(uint64_t entry) { return page_number((hpa_t){ entry & EPT_ADDRESS }); }
static hpa_t page_address(uint32_t number) { return (hpa_t){ pages_first.v + number * PAGE_BYTES }; }
static bool is_table(uint64_t entry, unsigned level) { return (entry & EPT_PRESENT) && level > 0 && !(entry & EPT_LARGE); }

enum status ept02_init(hpa_t first, uint64_t pages, uint64_t budget_pages)
{
    hpa_t table;
    ept02_run_init();
    TRY(pool_alloc((pages * sizeof(*links) + PAGE_BYTES - 1) / PAGE_BYTES, &table));
    links = hidden_va(table);
    pages_first = first;
    pages_budget = (uint32_t)budget_pages;
    TRY(pool_alloc(1, &tops[TOP_EMPTY].page));
    tops[TOP_EMPTY].references = 1;
    for (uint32_t i = 0; i < boot_info->root_count; i++)
        roots[i] = (struct root){ .pals_of = boot_info->root_pals_of[i], .cursor.gigabyte = ~0ull };
    struct ept02_work stock = EPT02_WORK;
    if (boot_info->root_count > 0 && ept02_reserve(&stock, STOCK_PAGES))
        ept02_finish(&stock);
    return STATUS_OK;
}

bool ept02_reserve(struct ept02_work *work, uint32_t pages)
{
    spinlock_acquire(&page_lock);
    bool ok = pages_taken - pages_idle + pages_reserved + pages <= pages_budget;
    while (ok && pages_idle < pages_reserved + pages) {
        hpa_t page;
        ok = pool_alloc(1, &page) == STATUS_OK;
        if (!ok)
            break;
        pages_taken++;
        pages_idle++;
        links[page_number(page)] = (struct page_link){ .next = pages_free };
        pages_free = page_number(page);
    }
    if (ok) {
        pages_reserved += pages;
        work->reserved += pages;
    }
    spinlock_release(&page_lock);
    return ok;
}

// A zeroed page out of what the work has set aside; EPT02_NO_PAGE where that is used up.
static uint32_t page_take(struct ept02_work *work)
{
    if (work->reserved == 0)
        return EPT02_NO_PAGE;
    work->reserved--;
    spinlock_acquire(&page_lock);
    uint32_t page = pages_free;
    struct page_link link = links[page];
    pages_free = link.next;
    links[page] = (struct page_link){ 0 };
    pages_idle--;
    pages_reserved--;
    spinlock_release(&page_lock);
    memory_fill((uint64_t *)hidden_va(page_address(page)) + link.low, 0, (link.high - link.low) * sizeof(uint64_t));
    return page;
}

// So many entries of a table may hold something from now on.
static inline void page_use(const uint64_t *entry, uint32_t count)
{
    hpa_t at = hidden_hpa(entry);
    struct page_link *link = &links[page_number(at)];
    uint32_t low = at.v % PAGE_BYTES / sizeof(*entry), high = low + count;
    link->low = link->high == 0 || low < link->low ? (uint16_t)low : link->low;
    link->high = high > link->high ? (uint16_t)high : link->high;
}

// Adds the list of pages from first to last to the work's.
static void unlink_pages(struct ept02_work *work, uint32_t first, uint32_t last, uint32_t count)
{
    links[last].next = work->first;
    if (work->first == EPT02_NO_PAGE)
        work->last = last;
    work->first = first;
    work->count += count;
    work->shootdown = true;
}

void ept02_finish(struct ept02_work *work)
{
    // Who finds an entry empty that another CPU has just emptied would else be done, with an INVEPT perhaps, before that one tells this CPU.
    if (work->shootdown || __atomic_load_n(&expelling, __ATOMIC_ACQUIRE) != 0)
        shootdown();
    if (work->first == EPT02_NO_PAGE && work->reserved == 0) {
        work->shootdown = false;
        return;
    }
    spinlock_acquire(&page_lock);
    if (work->first != EPT02_NO_PAGE) {
        links[work->last].next = pages_free;
        pages_free = work->first;
        pages_idle += work->count;
    }
    pages_reserved -= work->reserved;
    spinlock_release(&page_lock);
    *work = EPT02_WORK;
}

static void tree_add(struct root *root, uint32_t page)
{
    const uint32_t top = page_number(tops[root->top].page), first = links[top].next;
    links[page] = (struct page_link){ .next = first, .previous = top };
    links[first].previous = links[top].next = page;
    root->count++;
}

static void tree_remove(struct root *root, uint32_t page, struct ept02_work *work)
{
    const struct page_link link = links[page];
    links[link.previous].next = link.next;
    links[link.next].previous = link.previous;
    root->count--;
    root->cursor.gigabyte = ~0ull;
    unlink_pages(work, page, page, 1);
}

// Everything unlinked at once, whatever its size.
static void tree_drop(struct root *root, struct ept02_work *work)
{
    const hpa_t top = tops[root->top].page;
    struct page_link *link = &links[page_number(top)];
    for (; link->low < link->high; link->low++)
        ept02_entry_write((uint64_t *)hidden_va(top) + link->low, 0);
    if (root->count > 0)
        unlink_pages(work, link->next, link->previous, root->count);
    *link = (struct page_link){ page_number(top), page_number(top), 0, 0 };
    root->count = 0;
    root->cursor.gigabyte = ~0ull;
}

// Takes the tables behind an entry out of the tree.
static void subtree_remove(struct root *root, uint64_t entry, unsigned level, struct ept02_work *work)
{
    const uint64_t *table = tree_table(entry);
    uint32_t page = page_of(entry);
    if (level > 1)
        for (unsigned i = links[page].low; i < links[page].high; i++)
            if (is_table(table[i], level - 1))
                subtree_remove(root, table[i], level - 1, work);
    tree_remove(root, page, work);
}

uint32_t ept02_find(uint64_t tag)
{
    for (uint32_t i = 0; i < boot_info->root_count; i++)
        if (roots[i].used && roots[i].tag == tag)
            return i;
    return ROOT_NONE;
}

uint64_t ept02_pointer(uint32_t top) { return top == EPT02_TOP_EPT01 ? ept01_pointer() : tops[top].page.v | EPTP_BITS; }

// Under bind_lock. The page of a top table that nobody names any more is unlinked: it is empty, but CPUs may have cached that its
// address is an EPT's top.
static void top_release(uint32_t top, struct ept02_work *work)
{
    if (top == EPT02_TOP_EPT01 || --tops[top].references > 0 || top == TOP_EMPTY)
        return;
    uint32_t page = page_number(tops[top].page);
    unlink_pages(work, page, page, 1);
    tops[top].page = (hpa_t){ 0 };
}

uint32_t ept02_bind(uint64_t tag, uint32_t old_top, uint32_t *root_out)
{
    struct ept02_work work = EPT02_WORK;
    spinlock_acquire(&bind_lock);
    uint32_t root = tag == 0 ? ROOT_NONE : ept02_find(tag);
    uint32_t top = tag == 0 ? EPT02_TOP_EPT01 : root == ROOT_NONE ? TOP_EMPTY : roots[root].top;
    if (top != EPT02_TOP_EPT01)
        tops[top].references++;
    top_release(old_top, &work);
    spinlock_release(&bind_lock);
    ept02_finish(&work);
    *root_out = root;
    return top;
}

void ept02_create(uint32_t index, uint64_t tag, struct ept02_work *work)
{
    struct root *root = &roots[index];
    spinlock_acquire(&root->lock);
    if (root->used)
        tree_drop(root, work);
    const uint32_t decoy = root->pals_of ? EPT02_NO_PAGE : page_take(work), page = page_take(work);
    if (page == EPT02_NO_PAGE) {
        spinlock_release(&root->lock);
        return;
    }
    spinlock_acquire(&bind_lock);
    if (root->used && !root->pals_of)
        unlink_pages(work, root->decoy, root->decoy, 1);
    if (root->used)
        top_release(root->top, work);
    root->decoy = decoy;
    if (!root->pals_of)
        page_use(hidden_va(page_address(decoy)), PAGE_BYTES / sizeof(uint64_t));
    uint32_t top = TOP_EMPTY + 1;
    while (tops[top].references > 0)  // there are as many as can be named at the same time
        top++;
    tops[top] = (struct top){ .page = page_address(page), .references = 1 };
    links[page].next = links[page].previous = page;
    root->used = true;
    root->tag = tag;
    root->top = top;
    __atomic_fetch_add(&ept02_generation, 1, __ATOMIC_RELEASE);
    spinlock_release(&bind_lock);
    spinlock_release(&root->lock);
}

void ept02_drop(uint32_t index, struct ept02_work *work)
{
    struct root *root = &roots[index];
    spinlock_acquire(&root->lock);
    if (root->used)
        tree_drop(root, work);
    spinlock_release(&root->lock);
}

struct ept02_cursor *ept02_map_begin(uint32_t root)
{
    struct ept02_cursor *cursor = &roots[root].cursor;
    spinlock_acquire(&roots[root].lock);
    // Who changes EPT01 bumps this first, and goes through the trees afterwards: he finds what was made from a leaf that was still taken to hold.
    uint32_t generation = __atomic_load_n(&ept01_generation, __ATOMIC_ACQUIRE);
    if (cursor->generation != generation)
        cursor->leaf_bytes = 0;
    cursor->generation = generation;
    cursor->root = root;
    cursor->region = ~0ull;
    cursor->ahead = 0;
    return cursor;
}

void ept02_map_end(struct ept02_cursor *cursor) { spinlock_release(&roots[cursor->root].lock); }

// The leaf of a PAL's tree; 0: it is not for it.
static uint64_t pal_leaf(const struct partition *partition, uint32_t a, gpa1_t to)
{
    bool state = to.v - partition->space.state.v < partition->header.state_bytes;
    if (!state && ept01_owner(to) != partition->index + 1)
        return 0;
    return to.v | (state ? EPT_READ | (ept_map_rights(a) & EPT_EXECUTE) : ept_map_rights(a)) | 6u << EPT_TYPE_SHIFT;
}

// The leaf that EPT01 allows for the one that is asked for, and its level.
static uint64_t make_leaf(struct ept02_cursor *cursor, uint32_t a, gpa2_t from, gpa1_t to, unsigned *level)
{
    *level = EPT_LEVEL_4K;
    struct root *root = &roots[cursor->root];
    if (root->pals_of)
        return pal_leaf(partition_at(root->pals_of - 1), a, to);
    // EPT01 is asked under the root's lock: who takes a page out of it goes through the trees afterwards, and finds this mapping.
    if (to.v - cursor->leaf_first >= cursor->leaf_bytes) {
        if (ept01_lookup(to, &cursor->leaf) != STATUS_OK) {
            uint64_t owner = (uint64_t)cursor->leaf.owner << EPT_OWNER_SHIFT, leaf = ept02_decoy(page_address(root->decoy), a, from, to);
            root->decoys |= owner != 0;
            if (owner)  // a write, as a fetch, is for its owner to know
                leaf = (leaf & ~(uint64_t)EPT_WRITE) | owner | (ept_map_rights(a) & EPT_WRITE ? EPT_VANISHING : 0);
            return leaf;
        }
        cursor->leaf_bytes = tree_bytes(cursor->leaf.level);
        cursor->leaf_first = to.v & ~(cursor->leaf_bytes - 1);
        cursor->leaf.hpa.v &= ~(cursor->leaf_bytes - 1);
    }
    uint64_t rights = ept_map_rights(a) & (cursor->leaf.rights | (cursor->leaf.rights & EPT_EXECUTE) << 8);  // EPT01's right to execute is both
    rights &= rights & EPT_READ ? ~0ull : ~(uint64_t)EPT_WRITE;
    if (rights == 0 || (!(rights & EPT_READ) && !vmx_caps->ept_execute_only))
        return 0;
    *level = ept_map_level(a) < (unsigned)cursor->leaf.level ? ept_map_level(a) : (unsigned)cursor->leaf.level;
    while (*level > EPT_LEVEL_4K && !(*level == EPT_LEVEL_1G ? vmx_caps->ept_1g : vmx_caps->ept_2m))
        --*level;
    uint64_t type = ept02_type(ept_map_type(a), cursor->leaf.type), frame = cursor->leaf.hpa.v + (to.v - cursor->leaf_first);
    return (frame & ~(tree_bytes(*level) - 1)) | rights | type << EPT_TYPE_SHIFT | (ept_map_ignore_pat(a) ? EPT_IGNORE_PAT : 0) |
           (*level > EPT_LEVEL_4K ? EPT_LARGE : 0);
}

// The entry of that level, tables made on the way. NULL: no page left.
static uint64_t *make_path(struct root *root, gpa2_t from, unsigned level, struct ept02_work *work)
{
    struct ept02_cursor *cursor = &root->cursor;
    bool near = level < EPT_LEVEL_1G && from.v >> 30 == cursor->gigabyte;
    uint64_t *table = near ? cursor->directory : hidden_va(tops[root->top].page);
    for (unsigned l = near ? EPT_LEVEL_2M : LEVEL_TOP; l > level; l--) {
        uint64_t *slot = &table[(from.v >> level_shift(l)) & 511], entry = *slot;
        if (!is_table(entry, l)) {
            uint32_t below = page_take(work);
            if (below == EPT02_NO_PAGE)
                return NULL;
            if (entry & EPT_PRESENT)  // a large leaf gives way: ept fills again what is wanted of it
                work->shootdown = true;
            tree_add(root, below);
            page_use(slot, 1);
            entry = page_address(below).v | ENTRY_TABLE;
            ept02_entry_write(slot, entry);
        }
        table = tree_table(entry);
        if (l == EPT_LEVEL_1G) {
            cursor->gigabyte = from.v >> 30;
            cursor->directory = table;
        }
    }
    return &table[(from.v >> level_shift(level)) & 511];
}

void ept02_map(struct ept02_cursor *cursor, uint32_t a, gpa2_t from, gpa1_t to, struct ept02_work *work)
{
    unsigned level;
    uint64_t leaf = make_leaf(cursor, a, from, to, &level);
    if (leaf != 0)
        ept02_map_leaf(cursor, leaf, level, from, work);
}

void ept02_map_leaf(struct ept02_cursor *cursor, uint64_t leaf, unsigned level, gpa2_t from, struct ept02_work *work)
{
    struct root *root = &roots[cursor->root];
    uint64_t *entry;
    if (!root->used)
        return;
    uint32_t index = (from.v >> level_shift(level)) & 511;
    if (level == EPT_LEVEL_4K && from.v >> 21 == cursor->region) {
        entry = &cursor->table[index];
    } else {
        entry = make_path(root, from, level, work);
        if (entry == NULL)
            return;
        cursor->region = level == EPT_LEVEL_4K ? from.v >> 21 : ~0ull;
        cursor->table = entry - index;
    }
    page_use(entry, 1 + cursor->ahead);
    uint64_t old = *entry & ~EPT_FLAGS;
    if (old == leaf)
        return;
    ept02_entry_write(entry, leaf);
    if (is_table(old, level))
        subtree_remove(root, old, level, work);
    else if (ept02_leaf_shrinks(old, leaf))
        work->shootdown = true;
}

// The entry of that level that translates an address, or of a higher one where the tree ends before; NULL: no tree. Under the root's lock.
static uint64_t *find_entry(const struct root *root, gpa2_t from, unsigned level, unsigned *found)
{
    if (!root->used || from.v >> 48 != 0)
        return NULL;
    uint64_t *table = hidden_va(tops[root->top].page), *entry;
    for (*found = LEVEL_TOP;; --*found, table = tree_table(*entry)) {
        entry = &table[(from.v >> level_shift(*found)) & 511];
        if (*found == level || !is_table(*entry, *found))
            return entry;
    }
}

void ept02_unmap(uint32_t index, enum ept_level level, gpa2_t from, struct ept02_work *work)
{
    struct root *root = &roots[index];
    unsigned found;
    spinlock_acquire(&root->lock);
    uint64_t *entry = find_entry(root, from, level, &found), old = entry ? *entry : 0;
    if (old & (EPT_PRESENT | EPT_OWNER)) {
        ept02_entry_write(entry, 0);
        work->shootdown = true;
        if (is_table(old, found))
            subtree_remove(root, old, found, work);
    }
    spinlock_release(&root->lock);
}

uint64_t ept02_taken(uint32_t index, gpa2_t address, enum ept02_taken what)
{
    unsigned found;
    if (index >= boot_info->root_count)
        return 0;
    struct root *root = &roots[index];
    spinlock_acquire(&root->lock);
    uint64_t *entry = find_entry(root, address, EPT_LEVEL_4K, &found), leaf = entry ? *entry : 0;
    if (leaf & EPT_OWNER && what != TAKEN_LOOK) {
        ept02_entry_write(entry, (leaf & ~(uint64_t)EPT_WRITE) | (what == TAKEN_OPEN && leaf & EPT_VANISHING ? EPT_WRITE : 0));
        memory_fill(hidden_va(page_address(root->decoy)), 0xff, PAGE_BYTES);
    }
    spinlock_release(&root->lock);
    return leaf & EPT_OWNER ? leaf : 0;
}

// The bit for a page among those that may be one of some pages: by its number's last bits.
static uint64_t mark_of(uint64_t address) { return 1ull << (address >> PAGE_BITS & 63); }

// Out of a table and those below go leaves that map one of these pages, and decoys of pages that have an owner; without pages, all leaves. Of most entries
// in the last level the marks say at once that it is none of them: L2s with much memory wait for this.
static void expel(uint32_t number, unsigned level, const gpa1_t *page, unsigned count, uint64_t marks)
{
    uint64_t *table = hidden_va(page_address(number));
    const unsigned to = links[number].high;
    for (unsigned i = links[number].low; i < to; i++) {
        uint64_t entry = table[i];
        if ((level == 0 && !(entry & EPT_OWNER) && !(marks & mark_of(entry))) || !(entry & (EPT_PRESENT | EPT_OWNER)))
            continue;
        if (is_table(entry, level)) {
            expel(page_of(entry), level - 1, page, count, marks);
            continue;
        }
        bool gone = page == NULL || entry & EPT_OWNER;
        for (unsigned k = 0; k < count; k++)
            gone |= page[k].v - (entry & EPT_ADDRESS) < tree_bytes(level);
        if (gone)
            ept02_entry_write(&table[i], 0);
    }
}

void ept02_expel(const gpa1_t *page, unsigned count)
{
    uint64_t marks = page == NULL ? ~0ull : 0;
    for (unsigned i = 0; i < count; i++)
        marks |= mark_of(page[i].v);
    __atomic_fetch_add(&expelling, 1, __ATOMIC_SEQ_CST);
    for (struct root *root = roots; root < &roots[boot_info->root_count]; root++) {
        spinlock_acquire(&root->lock);
        if (root->used && !root->pals_of && (page == NULL || count > 0 || root->decoys))
            expel(page_number(tops[root->top].page), LEVEL_TOP, page, count, marks);
        root->decoys = false;
        spinlock_release(&root->lock);
    }
    shootdown();
    __atomic_fetch_sub(&expelling, 1, __ATOMIC_SEQ_CST);
}

uint32_t ept02_pages_used(void) { return pages_taken - pages_idle; }
