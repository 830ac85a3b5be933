// SPDX-License-Identifier: BSD-2-Clause
// EPT01 as it is after boot: each page but the hidden ones, and what is kept for those.

#include "../check.h"

#include <sys/mman.h>

#include "../../../kernel/ept01.c"
#include "../../../kernel/pool.c"
#include "../../../kernel/tree.c"

#define MIB           (1ull << 20)
#define GIB           (1ull << 30)
#define FIXED_BYTES   MIB
#define HOLE          (3 * GIB)  // MMIO from there to 4 GiB
#define REGISTERS     (HOLE + 0x3ed90000)

static struct boot_info info;
const struct boot_info *boot_info = &info;
static struct vmx_caps caps;
const struct vmx_caps *vmx_caps = &caps;
static struct records_own own;
struct records_own *records = &own;

void log_line(enum log_level level, const char *format, ...) { (void)level, (void)format; }
void ept02_expel(const gpa1_t *page, unsigned count) { (void)page, (void)count; }
bool mtrr_read(void) { return false; }

// As a PC's: the first MiB by pages, MMIO below 4 GiB.
static enum memory_type type_of(uint64_t page)
{
    return page < FIXED_BYTES ? (page >> 12 & 1 ? MEMORY_UC : MEMORY_WB) : page >= HOLE && page < 4 * GIB ? MEMORY_UC : MEMORY_WB;
}

bool mtrr_type(uint64_t base, uint64_t bytes, enum memory_type *type)
{
    *type = type_of(base);
    return base >= FIXED_BYTES ? bytes <= GIB : bytes == PAGE_BYTES;
}

static void start(uint64_t hidden_base, uint64_t hidden_bytes, uint64_t mapped_end, bool huge)
{
    void *want = hidden_va((hpa_t){ hidden_base });
    CHECK(mmap(want, hidden_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == want);
    info = (struct boot_info){
        .hidden_base = hidden_base, .hidden_bytes = hidden_bytes, .ept01 = hidden_base, .decoys = hidden_base + PAGE_BYTES,
        .free_base = hidden_base + 16 * PAGE_BYTES, .free_bytes = hidden_bytes - 16 * PAGE_BYTES, .mapped_end = mapped_end,
        .vtd_count = 1, .vtd = { { .base = REGISTERS, .bytes = PAGE_BYTES } },
    };
    own.machine.free_pages = info.free_bytes / PAGE_BYTES;
    caps = (struct vmx_caps){ .physical_bits = 40, .ept_2m = true, .ept_1g = huge };
    CHECK_EQ(ept01_init(&info), STATUS_OK);
}

static void check_pages(uint64_t mapped_end)
{
    for (uint64_t page = 0; page < mapped_end; page += PAGE_BYTES) {
        unsigned level;
        const uint64_t entry = tree_find(&ept.tree, page, &level), base = page & ~(tree_bytes(level) - 1);
        const bool hidden = page - info.hidden_base < info.hidden_bytes || page == REGISTERS;
        CHECK_EQ(entry, hidden ? 0 : base | EPT_RIGHTS | (uint64_t)type_of(page) << EPT_TYPE_SHIFT | (level ? EPT_LARGE : 0));
    }
}

TEST(all_but_hidden_memory_is_mapped_to_itself)
{
    start(256 * MIB, 16 * MIB, 4 * GIB, true);
    check_pages(4 * GIB);
}

TEST(hidden_memory_may_lie_across_a_boundary_or_end_what_is_mapped)
{
    start(2 * GIB - 2 * MIB, 4 * MIB, 4 * GIB, true);
    check_pages(4 * GIB);
    start(5 * GIB - 6 * MIB, 6 * MIB, 5 * GIB, false);
    check_pages(5 * GIB);
}

// A decoy must not fail for want of memory: L1 would get a fault for what reads as ones.
TEST(hidden_memory_has_its_tables_for_decoys_from_the_beginning)
{
    start(256 * MIB, 16 * MIB, 4 * GIB, true);
    own.machine.free_pages = 0;
    for (uint64_t page = info.hidden_base; page < info.hidden_base + info.hidden_bytes; page += PAGE_BYTES) {
        unsigned level;
        CHECK_EQ(ept01_decoy((gpa1_t){ page }, false), STATUS_OK);
        CHECK_EQ(tree_find(&ept.tree, page, &level) & (EPT_ADDRESS | EPT_RIGHTS), (info.decoys + DECOY_01 * PAGE_BYTES) | EPT_READ | EPT_EXECUTE);
        CHECK_EQ(level, 0);
    }
}
