// SPDX-License-Identifier: BSD-2-Clause
// Proof: the runtime's guest accesses never leave the window, whatever address and length they are asked for, and never wrap (I6). Nor does a walk that
// is looked at again.
// CBMC: unwind=5
#include "proof.h"

#include "../../partitions/guest.c"

static bool inside(uint64_t va, uint64_t bytes)
{
    return va >= WINDOW_BASE && (unsigned __int128)va + bytes <= (unsigned __int128)WINDOW_BASE + WINDOW_BYTES;
}

bool window_read64(uint64_t va, uint64_t *value) { PROVE(inside(va, 8), "8 bytes of the window"); (void)value; return any_bool(); }
bool window_read32(uint64_t va, uint32_t *value) { PROVE(inside(va, 4), "4 bytes of the window"); (void)value; return any_bool(); }
bool window_write64(uint64_t va, uint64_t value) { PROVE(inside(va, 8), "8 bytes of the window"); (void)value; return any_bool(); }
bool window_write32(uint64_t va, uint32_t value) { PROVE(inside(va, 4), "4 bytes of the window"); (void)value; return any_bool(); }
bool window_copy_in(void *to, uint64_t from, uint64_t bytes) { PROVE(inside(from, bytes), "a copy from the window"); (void)to; return any_bool(); }
bool window_copy_out(uint64_t to, const void *from, uint64_t bytes) { PROVE(inside(to, bytes), "a copy to the window"); (void)from; return any_bool(); }
bool window_exchange64(uint64_t va, uint64_t expected, uint64_t desired, uint64_t *found)
{
    PROVE(inside(va, 8), "8 bytes of the window");
    (void)expected, (void)desired, (void)found;
    return any_bool();
}
bool window_exchange32(uint64_t va, uint32_t expected, uint32_t desired, uint32_t *found)
{
    PROVE(inside(va, 4), "4 bytes of the window");
    (void)expected, (void)desired, (void)found;
    return any_bool();
}

// As guest_access.S does it: what names a table is among all and any.
bool window_walk(uint64_t top, uint64_t address, struct guest_path *path)
{
    PROVE(inside(top, PAGE_BYTES), "a table in the window");
    (void)address;
    path->any = 0;
    path->all = ~0ull;
    path->level = any_u64() & 3;
    for (unsigned level = GUEST_STEPS; level-- > 0;) {
        path->entry[level] = any_u64();
        path->any |= level > path->level ? path->entry[level] : 0;
        path->all &= level > path->level ? path->entry[level] : ~0ull;
    }
    return any_bool();
}
bool window_retrace(const struct guest_trail *trail)
{
    for (unsigned i = 0; i < GUEST_STEPS; i++)
        PROVE(inside(trail->at[i], 8) && trail->at[i] % 8 == 0, "an entry in the window");
    return any_bool();
}

bool window_retrace_read64(uint64_t *value, uint64_t address, const struct guest_trail *trail)
{
    PROVE(inside(address, 8) && (address & ~PAGE_MASK) <= PAGE_BYTES - 8, "read within a page of the window");
    *value = any_u64();
    return window_retrace(trail);
}

bool window_rerun(const struct guest_run *run)
{
    for (unsigned i = 0; i < GUEST_STEPS - 1; i++)
        PROVE(inside(run->above_at[i], 8) && run->above_at[i] % 8 == 0, "an entry in the window");
    PROVE(run->at % 8 == 0 && run->qwords > 0 && run->qwords <= 512 && inside(run->at, 8 * run->qwords), "entries in the window");
    PROVE(run->at >> 12 == (run->at + 8 * run->qwords - 1) >> 12, "and nothing beyond a table");
    return any_bool();
}

static void rerun(gpa1_t top, uint64_t address, uint64_t qwords)
{
    const uint64_t path[GUEST_STEPS] = { any_u64(), any_u64(), any_u64(), any_u64() };
    struct guest_run run;
    top.v &= ENTRY_ADDRESS;
    if (guest_run_keep(top, address, any_below(3), path, path, qwords, &run))
        (void)guest_run_holds(&run);
}

static void walk(gpa1_t top, uint64_t address)
{
    struct guest_path path;
    struct guest_trail trail;
    top.v &= ENTRY_ADDRESS;
    if (guest_walk(top, address, &path)) {
        uint64_t value;
        if (guest_trail_keep(top, address, &path, (gpa1_t){ any_u64() }, &trail))
            (void)guest_trail_read64(&trail, any_below(PAGE_BYTES - 7), &value);
        (void)guest_trail_holds(&trail);
    }
}

int main(void)
{
    gpa1_t address = { any_u64() };
    uint64_t bytes = any_u64(), wide;
    uint32_t narrow;
    guest_read64(address, &wide);
    guest_read32(address, &narrow);
    guest_write64(address, wide);
    guest_write32(address, narrow);
    guest_copy_in(&wide, address, bytes);
    guest_copy_out(address, &wide, bytes);
    rerun(address, any_u64(), bytes);
    guest_exchange64(address, wide, bytes, &wide);
    guest_exchange32(address, narrow, narrow, &narrow);
    walk(address, bytes);
    return 0;
}
