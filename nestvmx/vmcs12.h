// SPDX-License-Identifier: BSD-2-Clause
// VMCS12s: the VMCSs that L1 writes for its L2s.
//
// Between VMPTRLD and VMCLEAR the partition works on its own copy of the VMCS12's region; L1's memory is read once, at VMPTRLD, and
// written once, at VMCLEAR, if something has changed (or where the copy's place is needed for another). The copies are one table, keyed by region
// address, shared by all CPUs. The copy at place n runs on VMCS02 n.
//
// A group of fields of a copy can be behind: `lazy` groups have their current value in VMCS02 and are fetched when somebody asks.
// The groups that L1 can write in its shadow VMCS are taken over from the message (shadow.h).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <caps/addr.h>
#include <caps/cap.h>
#include <caps/vmcs_feature.h>
#include <rt/state.h>

#include "message.h"

#define VMCS12_COUNT VMCS02_OWN_MAX

// A shadow VMCS has no launch state: no VM entry uses it.
enum { VMCS12_CLEAR, VMCS12_LAUNCHED, VMCS12_SHADOW };

// In the state region.
struct vmcs12 {
    uint64_t region;    // L1-physical
    uint64_t lazy;      // groups whose values are in VMCS02
    uint32_t used;
    uint32_t owner;     // CPU whose current VMCS12 it is, + 1; 0: nobody's
    uint32_t launched;  // VMCS12_CLEAR: VMLAUNCH enters; VMCS12_LAUNCHED: VMRESUME; VMCS12_SHADOW: neither
    uint32_t entered;   // VMCS02 may be active on the owner's CPU
    uint32_t doomed;    // its L2 ends as a triple fault at the next entry
    uint32_t stored;    // this exit's MSR-store area is written already
    uint32_t apic;      // the VMCS02 of this place names APIC pages of L1's
    uint32_t unchanged; // since VMPTRLD, when the region in L1's memory held the same values. Not journaled: what is rolled back only isn't known to be unchanged
    uint64_t value[VMCS_FIELD_COUNT];
};

// What a VMCS12 looks like in L1's memory. Words 0 and 1 are the SDM's (3C 25.2 "Format of the VMCS Region"), the rest is ours.
struct vmcs12_region {
    uint32_t revision;
    uint32_t abort;
    uint32_t launched;
    uint32_t reserved;
    uint64_t value[VMCS_FIELD_COUNT];
};
_Static_assert(offsetof(struct vmcs12_region, abort) == 4, "SDM 3C 25.2 \"Format of the VMCS Region\"");
_Static_assert(sizeof(struct vmcs12_region) <= PAGE_BYTES, "a region is at most a page");

static inline uint64_t vmcs12_get(const struct vmcs12 *v, enum vmcs_field field) { return v->value[field]; }

// Set a field of the copy (no laziness looked at). The second does nothing where the value is the same; returns whether it changed.
void vmcs12_set(struct vmcs12 *v, enum vmcs_field field, uint64_t value);
static inline __attribute__((always_inline)) bool vmcs12_put(struct vmcs12 *v, enum vmcs_field field, uint64_t value)
{
    if (__builtin_expect(v->value[field] == value, 1))
        return false;
    vmcs12_set(v, field, value);
    return true;
}

extern struct vmcs12 vmcs12_table[VMCS12_COUNT];
static inline struct vmcs12 *vmcs12_at(unsigned place) { return &vmcs12_table[place]; }
static inline unsigned vmcs12_place(const struct vmcs12 *v) { return (unsigned)(v - vmcs12_table); }
static inline uint32_t vmcs12_handle(const struct vmcs12 *v) { return VMCS_HANDLE_02 + vmcs12_place(v); }  // of its VMCS02

// Controls, as far as they count: secondary controls only where they are activated.
static inline bool vmcs12_pin(const struct vmcs12 *v, uint32_t control) { return v->value[VMCS_PIN_CONTROLS] & control; }
static inline bool vmcs12_proc(const struct vmcs12 *v, uint32_t control) { return v->value[VMCS_PROC_CONTROLS] & control; }
static inline bool vmcs12_exit(const struct vmcs12 *v, uint32_t control) { return v->value[VMCS_EXIT_CONTROLS] & control; }
static inline bool vmcs12_entry(const struct vmcs12 *v, uint32_t control) { return v->value[VMCS_ENTRY_CONTROLS] & control; }
static inline bool vmcs12_proc2(const struct vmcs12 *v, uint32_t control)
{
    return vmcs12_proc(v, PROC_SECONDARY_CONTROLS) && (v->value[VMCS_PROC_CONTROLS2] & control);
}

// Brings the lazy ones among the groups up to date. The VMCS12 is this CPU's.
void vmcs12_pull(struct vmcs12 *v, struct message *m, uint64_t groups);

enum vmcs12_take {
    VMCS12_TAKEN,
    VMCS12_ELSEWHERE,  // another CPU's current VMCS12
    VMCS12_REVISION_BAD,
    VMCS12_NO_PLACE,
};

// Makes the VMCS12 at that region this CPU's, from the table or from L1's memory. Takes the table's lock until the end of the message.
enum vmcs12_take vmcs12_take(struct message *m, gpa1_t region, struct vmcs12 **out);

// The shadow VMCS at that region, which an L2 of this CPU's reads and writes through the link pointer: from the table or from L1's memory, nobody's current one.
// NULL: another CPU's current one, or no place. Takes the table's lock as well.
struct vmcs12 *vmcs12_link(struct message *m, gpa1_t region);

// This CPU doesn't use it any more: everything comes into the copy, VMCS02 becomes inactive. It stays in the table.
void vmcs12_leave(struct vmcs12 *v, struct message *m);

// VMCLEAR of a region that is nobody's or this CPU's current one (then after vmcs12_leave): the copy goes to L1's memory, and with or without
// a copy the launch state there becomes clear. false: it is another CPU's current one.
bool vmcs12_clear(struct message *m, gpa1_t region);

// End of the message.
void vmcs12_unlock(struct message *m);
