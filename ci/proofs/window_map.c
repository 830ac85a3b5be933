// SPDX-License-Identifier: BSD-2-Clause
// Proof: the window's map() gives an address itself, without a right to execute, and changes no other translation; window_share() enters the
// window's tables at the window's place in a partition's top-level table, not executable, and writable only if that was asked for (I5, I6).
// CBMC: unwind=6
#include "any_ept01.h"
#include "no_machine.h"

hpa_t hidden_base;
uint64_t hidden_bytes;
const struct vmx_caps *vmx_caps;

// Hidden memory is a few tables: page number n is table[n]. Of each table the first ENTRIES entries are looked at; which ones doesn't matter.
#define PAGES   8
#define ENTRIES 2
#define FRESH   4u
#define ROOT    8u  // of a top-level table, so many
static uint64_t table[PAGES][ENTRIES];
#define FEW_ENTRIES(address) (((address) & ~(3ull << 39 | 1ull << 30 | 1ull << 21 | 1ull << 12 | 0xfff)) == 0)
#define hidden_va hidden_va_of_the_kernel
#include "../../kernel/pool.h"
#undef hidden_va
static inline void *hidden_va(hpa_t hpa)
{
    PROVE(hpa.v % PAGE_BYTES == 0 && hpa.v / PAGE_BYTES < PAGES, "a table of the window");
    return table[hpa.v / PAGE_BYTES];
}

#include "../../kernel/window.c"

static unsigned taken;

enum status pool_alloc(uint64_t pages, hpa_t *out)
{
    PROVE(pages == 1, "one table");
    out->v = (uint64_t)(FRESH + taken++) << PAGE_BITS;
    return any_bool() ? STATUS_OK : STATUS_NO_MEMORY;
}

bool ept01_ram_range(unsigned i, gpa1_t *base, uint64_t *bytes) { (void)i, (void)base, (void)bytes; return false; }

// The hardware's walk, from a partition's top-level table. 0: nothing is mapped; ~0: outside of what is looked at.
static uint64_t translate(const uint64_t *root, uint64_t va)
{
    uint64_t entry = root[va >> 39 & (ROOT - 1)], rights = PTE_WRITE | PTE_USER;
    for (unsigned l = 2;; l--) {
        if (!(entry & PTE_PRESENT))
            return 0;
        rights = (rights & entry) | ((rights | entry) & PTE_NX);
        uint64_t page = (entry & PTE_ADDRESS) >> PAGE_BITS;
        if (page >= PAGES)
            return ~0ull;
        entry = table[page][va >> (12 + 9 * l) & 511];
        if (l == 0 || entry & PTE_LARGE)
            break;
    }
    if (!(entry & PTE_PRESENT))
        return 0;
    rights = (rights & entry) | ((rights | entry) & PTE_NX);
    uint64_t bytes = entry & PTE_LARGE ? LARGE_BYTES : PAGE_BYTES;
    return (entry & PTE_ADDRESS & ~(bytes - 1)) | (va & (bytes - 1) & PAGE_MASK) | rights;
}

int main(void)
{
    uint64_t address = any_u64(), other = any_u64();
    unsigned shift = any_bool() ? 21 : 12;
    bool writable = any_bool();
    static uint64_t root[ROOT], root_after[ROOT];
    // Proof window_init shows these, and that no two leaves overlap: no large page lies in the way.
    ASSUME(address < WINDOW_BYTES && other < WINDOW_BYTES && address % (1ull << shift) == 0 && FEW_ENTRIES(address) && FEW_ENTRIES(other));
    ASSUME((address ^ other) >> shift);
    // The tables on the way are 1 to 3, as far as there are any; whatever else is present leads elsewhere.
    for (unsigned t = 1; t < 4; t++) {
        for (unsigned i = 0; i < ENTRIES; i++) {
            uint64_t entry = any_u64();
            ASSUME((entry & PTE_ADDRESS) >> PAGE_BITS >= PAGES);
            table[t][i] = entry;
        }
    }
    for (unsigned i = 0; i < ROOT_ENTRIES; i++)
        top[i].v = any_bool() ? (any_u64() & PTE_ADDRESS) | 1ull << 30 : 0;
    bool there = any_bool();
    top[address >> ROOT_SHIFT].v = there ? 1 << PAGE_BITS : 0;
    for (unsigned level = 2; level > shift / 21; level--)
        table[3 - level][address >> (12 + 9 * level) & 511] = there && any_bool() ? (uint64_t)(4 - level) << PAGE_BITS | WINDOW_TABLE : 0;

    window_share(root, true);
    uint64_t before = translate(root, WINDOW_BASE + other);
    bool good = map(address, shift) == STATUS_OK;
    window_share(root_after, writable);
    uint64_t after = translate(root_after, WINDOW_BASE + other), entry = root_after[(WINDOW_BASE + other) >> 39];
    PROVE(after == before || after == (before & ~PTE_WRITE), "no other address changes its translation");
    PROVE(after == 0 || after == ~0ull || (writable ? !(before & PTE_WRITE) == !(after & PTE_WRITE) : !(after & PTE_WRITE)), "or its rights, but by the top entry");
    PROVE(entry == 0 || ((entry & PTE_NX) && (writable || !(entry & PTE_WRITE))), "the top entry: never executable, writable by right");
    after = translate(root_after, WINDOW_BASE + address);
    if (good)
        PROVE(after == (address | PTE_USER | PTE_NX | (writable ? PTE_WRITE : 0)), "the address maps itself");
    unsigned i = any_below(ROOT);
    PROVE(i - (WINDOW_BASE >> 39) < ROOT_ENTRIES || root_after[i] == 0, "nothing outside of the window's place");
    return 0;
}
