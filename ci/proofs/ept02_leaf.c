// SPDX-License-Identifier: BSD-2-Clause
// Proof: whatever leaf the ept partition asks for, what EPT02 gets maps the asked page and no hidden memory, with rights that both the partition
// asked for and EPT01 has, at a level that both have; where EPT01 has nothing it is the decoy page. In a tree of PALs it maps the asked page alone, one that
// its partition has taken, with no right that wasn't asked for, or one of its state region, read-only (I1, I2, I3, I6).
// CBMC: unwind=6 replace=ept01_lookup:contract_lookup,ept02_decoy:contract_decoy
#include "any_caps.h"
#include "any_ept01.h"
#include "no_machine.h"

#include "../../kernel/ept02.c"
#include "../../kernel/ept02_run.c"

static unsigned lookups;
static struct ept01_leaf found;
static bool mapped;
static uint32_t page_owner;

enum status contract_lookup(gpa1_t address, struct ept01_leaf *out)
{
    struct ept01_leaf leaf;
    lookups++;
    mapped = any_bool();
    out->owner = mapped ? 0 : page_owner;
    if (!mapped)
        return STATUS_BAD_ADDRESS;
    leaf.level = (enum ept_level)any_below(EPT_LEVEL_COUNT);
    leaf.owner = 0;
    ASSUME(ept01_leaf_fits(address.v, &leaf));
    found = *out = leaf;
    return STATUS_OK;
}

static struct partition owner;
struct partition *partition_at(uint32_t index)
{
    PROVE(index == owner.index, "the tree's partition");
    return &owner;
}
uint32_t ept01_owner(gpa1_t page) { (void)page; return page_owner; }

static void prove_pal(uint64_t leaf, uint32_t a, gpa1_t to, unsigned level)
{
    if (leaf == 0)
        return;
    bool state = to.v - owner.space.state.v < owner.header.state_bytes;
    PROVE(level == 0 && (leaf & EPT_ADDRESS) == to.v && (leaf & ~(EPT_ADDRESS | 0x3full | EPT_EXECUTE_USER)) == 0, "the asked page, alone");
    PROVE(state || page_owner == owner.index + 1, "of the state region, or taken by the partition");
    PROVE((leaf & EPT_PRESENT & ~(uint64_t)(state ? EPT_READ | (ept_map_rights(a) & EPT_EXECUTE) : ept_map_rights(a))) == 0, "with no other right");
}

static hpa_t the_decoy;
uint64_t contract_decoy(hpa_t page, uint32_t a, gpa2_t from, gpa1_t to)
{
    (void)from, (void)to;
    PROVE(page.v == the_decoy.v, "the page of the tree's own");
    return page.v | (ept_map_rights(a) & (EPT_READ | EPT_WRITE));
}

// What a run's entry becomes without a look at EPT01 is what it would have become with one.
static void prove_run(struct ept02_cursor *cursor, gpa2_t from)
{
    uint64_t entry = any_u64(), leaf;
    unsigned level;
    if (!ept02_run_valid(entry) || !run_leaf(cursor, entry, &leaf))
        return;
    PROVE(!(entry & ~EPT_RUN_BITS), "nothing but a leaf's bits");
    PROVE(ept02_map_valid(ept_map_of(entry), (gpa2_t){ from.v & 0xfffffffff000ull }, (gpa1_t){ entry & EPT_RUN_ADDRESS }), "one that may be asked for");
    PROVE(leaf == make_leaf(cursor, ept_map_of(entry), from, (gpa1_t){ entry & EPT_RUN_ADDRESS }, &level) && level == 0, "the same leaf");
    PROVE(lookups == 0, "EPT01's leaf of the mapping before holds");
}

int main(void)
{
    any_caps();
    ept02_run_init();
    any_hidden();
    roots[0].decoy = any_below(1 << 20);
    the_decoy.v = roots[0].decoy * PAGE_BYTES;
    uint32_t a = any_u32();
    gpa2_t from = { any_u64() };
    gpa1_t to = { any_u64() };
    unsigned level;
    if (!ept02_map_valid(a, from, to))
        return 0;
    // The mapping before this one, under the same lock, may have left EPT01's answer.
    struct ept02_cursor cursor;
    cursor.root = 0;
    if (any_bool()) {
        owner.index = any_below(PARTITION_MAX);
        owner.space.state.v = any_u64() & PAGE_MASK & EPT_ADDRESS;
        owner.header.state_bytes = any_u64();
        page_owner = any_u32();
        ASSUME(owner.header.state_bytes <= STATE_MAX_BYTES);
        roots[0].pals_of = owner.index + 1;
        cursor.leaf_bytes = 0;
        uint64_t of_pal = make_leaf(&cursor, a, from, to, &level);
        prove_pal(of_pal, a, to, level);
        return 0;
    }
    page_owner = any_below(32);
    if (any_bool()) {
        cursor.leaf_bytes = 0;
    } else {
        ASSUME((unsigned)cursor.leaf.level < EPT_LEVEL_COUNT && cursor.leaf_bytes == leaf_bytes(cursor.leaf.level));
        ASSUME(cursor.leaf_first % cursor.leaf_bytes == 0 && ept01_leaf_fits(cursor.leaf_first, &cursor.leaf));
    }
    if (any_bool()) {
        prove_run(&cursor, from);
        return 0;
    }
    uint64_t leaf = make_leaf(&cursor, a, from, to, &level);
    PROVE(lookups <= 1, "EPT01 is asked at most once");
    if (lookups == 0) {
        mapped = true;
        found = cursor.leaf;
    }
    if (cursor.leaf_bytes != 0)
        PROVE(cursor.leaf_bytes == leaf_bytes(cursor.leaf.level) && cursor.leaf_first % cursor.leaf_bytes == 0 &&
              ept01_leaf_fits(cursor.leaf_first, &cursor.leaf), "what is kept for the next mapping is EPT01's leaf");
    if (leaf == 0)
        return 0;

    uint64_t bytes = leaf_bytes(level), frame = leaf & EPT_ADDRESS, rights = leaf & EPT_PRESENT;
    PROVE(level < EPT_LEVEL_COUNT && (leaf >> 7 & 1) == (level > 0), "bit 7 says that a large entry is a leaf");
    uint64_t taken = (uint64_t)page_owner << EPT_OWNER_SHIFT | (page_owner != 0 && (ept_map_rights(a) & EPT_WRITE) ? EPT_VANISHING : 0);
    PROVE((leaf & ~(EPT_ADDRESS | 0xffull | EPT_EXECUTE_USER)) == (mapped ? 0 : taken), "no other bits, but whose page it is that isn't shown, and whether writes to it were to be allowed");
    PROVE((rights & 3) != 2 && ((rights & EPT_READ) || vmx_caps->ept_execute_only || !rights), "rights that are no misconfiguration");
    PROVE((rights & ~(uint64_t)ept_map_rights(a)) == 0, "no right that wasn't asked for");
    if (!mapped) {
        PROVE(level == 0 && frame == the_decoy.v, "what EPT01 lacks is the decoy");
        PROVE(!(rights & (EPT_EXECUTE | EPT_EXECUTE_USER)) && (!(rights & EPT_WRITE) || page_owner == 0), "no fetch from it, and no write to a taken page, is missed");
        return 0;
    }
    PROVE(rights != 0, "present");
    PROVE((rights & ~(uint64_t)(found.rights | (found.rights & EPT_EXECUTE ? EPT_EXECUTE_USER : 0))) == 0, "no right that EPT01 lacks");
    PROVE(level <= (unsigned)found.level && level <= ept_map_level(a), "no larger than EPT01's leaf and than what was asked for");
    PROVE((level != 2 || vmx_caps->ept_1g) && (level != 1 || vmx_caps->ept_2m), "a size that the CPU has");
    PROVE(frame % bytes == 0 && frame == (to.v & ~(bytes - 1)), "the frame around the asked page");
    PROVE(!has_hidden(frame, bytes), "no hidden memory in it");
    PROVE((from.v ^ to.v) % bytes == 0, "the asked L2-physical page is the one that gets it");
    return 0;
}
