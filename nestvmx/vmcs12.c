// SPDX-License-Identifier: BSD-2-Clause
// The table of VMCS12 copies.

#include <rt/call.h>
#include <rt/cpu.h>
#include <rt/guest.h>
#include <rt/reply.h>
#include <rt/state.h>

#include "field.h"
#include "vmcap.h"
#include "vmcs02.h"
#include "vmcs12.h"

STATE struct vmcs12 vmcs12_table[VMCS12_COUNT];
static struct state_lock table_lock;

void vmcs12_set(struct vmcs12 *v, enum vmcs_field field, uint64_t value)
{
    v->unchanged = 0;
    state_set(&v->value[field], value);
}

// What an exit saves into a field of VMCS12, of what it saves into VMCS02 (there everything is saved).
static uint64_t saved(const struct vmcs12 *v, enum vmcs_field field, uint64_t value)
{
    switch (field) {
    case VMCS_ENTRY_CONTROLS:  // EFER.LMA (SDM 3C 28.3.1 "Saving Control Registers, Debug Registers, and MSRs")
        return (v->value[field] & ~(uint64_t)ENTRY_GUEST_IA32E) | (value & ENTRY_GUEST_IA32E);
    case VMCS_PIN_CONTROLS:
    case VMCS_PROC_CONTROLS:
    case VMCS_PROC_CONTROLS2:
    case VMCS_EXIT_CONTROLS:
        return v->value[field];
    default:
        return value;
    }
}

void vmcs12_pull(struct vmcs12 *v, struct message *m, uint64_t groups)
{
    groups &= v->lazy;
    if (groups == 0)
        return;
    // Bank 1: bank 0 holds what the message is about.
    if (rt_fetch(vmcs12_handle(v), groups, 1) != STATUS_OK)
        rt_panic("a VMCS02 in use can't be read");
    FOR_GROUPS(groups, field) {
        const enum vmcs_field f = (enum vmcs_field)*field;
        if (field_exists(f))
            vmcs12_put(v, f, saved(v, f, m->req->field[1][f]));
    }
    state_set(&v->lazy, v->lazy & ~groups);
}

static void lock(struct message *m)
{
    if (!m->locked)
        state_lock(&table_lock);
    m->locked = true;
}

void vmcs12_unlock(struct message *m)
{
    if (m->locked)
        state_unlock(&table_lock);
    m->locked = false;
}

// The region's place: in use, or that of its copy until VMCLEAR, as long as no other has it. No region has two.
static struct vmcs12 *find(gpa1_t region)
{
    for (unsigned place = 0; place < VMCS12_COUNT; place++) {
        if (vmcs12_table[place].region == region.v)
            return &vmcs12_table[place];
    }
    return NULL;
}

static unsigned next_free;  // where to look for a free place: in turn, so that copies that were cleared stay for a while

static struct vmcs12 *find_free(void)
{
    for (unsigned tries = 0; tries < VMCS12_COUNT; tries++) {
        struct vmcs12 *v = &vmcs12_table[(next_free + tries) % VMCS12_COUNT];
        if (!v->used)
            return v;
    }
    return NULL;
}

// Writes the copy to L1's memory, all but the abort indicator, and where the values are there already all but the launch state. Memory that isn't there takes no
// writes, as on a CPU.
static void write_back(const struct vmcs12 *v, uint32_t launched)
{
    const uint64_t at = v->region;
    guest_write32((gpa1_t){ at + offsetof(struct vmcs12_region, launched) }, launched);
    if (v->unchanged)
        return;
    guest_write32((gpa1_t){ at }, VMCS12_REVISION | (v->launched == VMCS12_SHADOW ? VMCS12_SHADOW_INDICATOR : 0));
    guest_copy_out((gpa1_t){ at + offsetof(struct vmcs12_region, value) }, v->value, sizeof(v->value));
}

// Reads L1's memory into a free place, whose contents nobody needs after a rollback: no journal.
static void read_in(struct vmcs12 *v, gpa1_t region)
{
    if (!guest_copy_in(v->value, (gpa1_t){ region.v + offsetof(struct vmcs12_region, value) }, sizeof(v->value)))
        memset(v->value, 0xff, sizeof(v->value));
    for (unsigned field = 0; field < VMCS_FIELD_COUNT; field++)
        v->value[field] &= field_bits[field];
    v->region = region.v;
    vmcs02_forget(v);
}

// Whether L1's memory still has what went there from this free place: then VMCS02 fits as well.
static bool is_unchanged(const struct vmcs12 *v)
{
    uint64_t equal = 0;
    return guest_compare((gpa1_t){ v->region + offsetof(struct vmcs12_region, value) }, v->value, VMCS_FIELD_COUNT, &equal) && equal == VMCS_FIELD_COUNT;
}

// A free place becomes the region's.
static struct vmcs12 *fill_place(struct vmcs12 *v, gpa1_t region)
{
    uint32_t launched = 0;
    const bool unchanged = v != NULL && is_unchanged(v);
    if (!unchanged) {
        v = v != NULL ? v : find_free();
        if (v == NULL)
            return NULL;
        read_in(v, region);
    }
    v->unchanged = unchanged;
    v->lazy = 0;
    v->owner = 0;
    v->entered = 0;
    v->doomed = 0;
    v->stored = 0;
    v->launched = guest_read32((gpa1_t){ region.v + offsetof(struct vmcs12_region, launched) }, &launched) && launched == VMCS12_LAUNCHED;
    next_free = vmcs12_place(v) + 1;
    state_set(&v->used, 1);
    return v;
}

// One place is kept free: a place that this message frees must not be filled by it, or a rollback would bring back the owner of values that
// are gone. Not `keep`, which was just filled and is nobody's yet. false: all others are current on some CPU.
static bool evict_one(const struct vmcs12 *keep)
{
    static unsigned next;
    if (find_free() != NULL)
        return true;
    for (unsigned tries = 0; tries < VMCS12_COUNT; tries++) {
        struct vmcs12 *v = &vmcs12_table[next++ % VMCS12_COUNT];
        if (v->owner == 0 && v != keep) {
            write_back(v, v->launched);
            state_set(&v->used, 0);
            return true;
        }
    }
    return false;
}

// The region's place in the table; from L1's memory where it isn't in use. NULL: no place.
static struct vmcs12 *use(struct vmcs12 *v, gpa1_t region)
{
    if (v != NULL && v->used)
        return v;
    v = fill_place(v, region);
    if (v == NULL || evict_one(v))
        return v;
    state_set(&v->used, 0);
    return NULL;
}

// A region's first word that is a shadow VMCS', where L1 may have some.
static bool is_shadow(uint32_t revision)
{
    return revision == (VMCS12_REVISION | VMCS12_SHADOW_INDICATOR) && (vmcap_allowed1(WORD_PROC2) & PROC2_VMCS_SHADOWING);
}

// What the indicator in L1's memory says. Software changes it where the VMCS is clear only; where it does not, the fields are what they were.
static void set_shadow(struct vmcs12 *v, bool shadow)
{
    if (shadow != (v->launched == VMCS12_SHADOW))
        state_set(&v->launched, shadow ? VMCS12_SHADOW : VMCS12_CLEAR);
}

enum vmcs12_take vmcs12_take(struct message *m, gpa1_t region, struct vmcs12 **out)
{
    uint32_t revision = 0;

    lock(m);
    struct vmcs12 *v = find(region);
    if (v != NULL && v->used && v->owner != 0 && v->owner != rt_cpu() + 1)
        return VMCS12_ELSEWHERE;
    if (!guest_read32(region, &revision) || (revision != VMCS12_REVISION && !is_shadow(revision)))
        return VMCS12_REVISION_BAD;
    v = use(v, region);
    if (v == NULL)
        return VMCS12_NO_PLACE;
    set_shadow(v, revision & VMCS12_SHADOW_INDICATOR);
    state_set(&v->owner, rt_cpu() + 1);
    *out = v;
    return VMCS12_TAKEN;
}

struct vmcs12 *vmcs12_link(struct message *m, gpa1_t region)
{
    static uint32_t last[CPU_MAX];  // where each CPU found its own before

    lock(m);
    struct vmcs12 *v = vmcs12_at(last[rt_cpu() % CPU_MAX]);
    if (!v->used || v->region != region.v)
        v = find(region);
    if (v != NULL && v->used && v->owner != 0)
        return NULL;
    v = use(v, region);
    if (v == NULL)
        return NULL;
    set_shadow(v, true);
    last[rt_cpu() % CPU_MAX] = vmcs12_place(v);
    return v;
}

void vmcs12_leave(struct vmcs12 *v, struct message *m)
{
    lock(m);
    vmcs12_pull(v, m, v->lazy);
    if (v->entered) {
        reply_op(m->rep, OP_VMCS_CLEAR, vmcs12_handle(v), 0, 0, 0);
        state_set(&v->entered, 0);
    }
    state_set(&v->owner, 0);
}

// What a cleared VMCS12 names L1 may use for something else, a PAL's pages too; those that VMCS02 names couldn't become one's. At once, as long as no other CPU
// can take the VMCS12, and behind what may have cleared VMCS02 already.
static void forget_apic(struct message *m, struct vmcs12 *v)
{
    static const enum vmcs_field field[] = { VMCS_VIRTUAL_APIC_ADDR, VMCS_APIC_ACCESS_ADDR, VMCS_TPR_THRESHOLD };
    if (!v->apic)
        return;
    if (rt_invoke() != STATUS_OK)
        rt_panic("a VMCS02 can't be given up");
    for (unsigned i = 0; i < sizeof(field) / sizeof(field[0]); i++)
        reply_field(m->rep, 0, field[i], 0);
    reply_op(m->rep, OP_WRITE_GROUPS, vmcs12_handle(v), 0, GROUP_APIC, 0);
    reply_op(m->rep, OP_VMCS_CLEAR, vmcs12_handle(v), 0, 0, 0);
    if (rt_invoke() != STATUS_OK)
        return;  // another CPU's VMPTRLD is just giving it up: the pages stay named until VMCS02 is somebody else's
    vmcs02_changed(v, GROUP_APIC);
    state_set(&v->apic, 0);
}

bool vmcs12_clear(struct message *m, gpa1_t region)
{
    lock(m);
    struct vmcs12 *v = find(region);
    if (v != NULL && v->owner == 0)
        forget_apic(m, v);
    if (v == NULL || !v->used) {
        guest_write32((gpa1_t){ region.v + offsetof(struct vmcs12_region, launched) }, VMCS12_CLEAR);
        return true;
    }
    if (v->owner != 0)
        return false;
    write_back(v, VMCS12_CLEAR);
    state_set(&v->used, 0);
    return true;
}
