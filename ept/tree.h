// SPDX-License-Identifier: BSD-2-Clause
// The EPT02 trees: which of the kernel's roots holds the shadow of which EPT12.
//
// Nothing of this is in the state region: a reload empties every tree (main.c), and an empty table describes that exactly.
// All of it changes only between tree_enter() and tree_leave(), and the kernel's trees with it; but for pages that nearly every miss maps, which travel with its
// reply, so that CPUs that miss at the same moment wait for each other's look-ups alone. Who takes something away waits for such replies (tree_settle()): a page
// that one CPU has looked up in EPT12 is mapped before another CPU's INVEPT looks for pages to drop, or looked up after it.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <caps/msg.h>
#include <rt/state.h>
#include <rt/walk12.h>

#define TREES 16u  // roots that the header asks for

// Waits until nobody else is in.
void tree_enter(void);

// What all of that is behind.
extern struct tree_gate {
    struct state_lock lock;
    uint32_t settlers;  // CPUs that wait for replies: no further ones before they have seen the last
    uint64_t replies;   // bit n: CPU n's may not have been done yet
} tree_gate;

// tree_enter(), and what tree_settle() waits for is done.
void tree_wait_settled(void);
static inline __attribute__((always_inline)) void tree_enter_settled(void)
{
    state_lock(&tree_gate.lock);
    if (__builtin_expect((tree_gate.replies | tree_gate.settlers) != 0, 0))
        tree_wait_settled();
}

static inline void tree_leave(void) { state_unlock(&tree_gate.lock); }

// For whoever takes mappings away, or changes records of what is mapped: waits until what others have left to their replies is done. false: others were in
// meanwhile, what was read of EPT12 before is worth nothing. Nothing is left to do when it returns, until tree_leave().
bool tree_settle(void);

// Leaves with mappings in the reply to this message, which ends now. If the kernel refuses to make them these bits of the record are cleared again.
void tree_leave_in_reply(const struct request *req, struct reply *rep, uint64_t *mapped, uint64_t mask);

// What decides about EPT12's entries.
extern struct ept12_cpu tree_cpu;

struct tree {
    uint64_t tag;       // EPTP12; 0: unused
    uint64_t used;      // when a page was last wanted: tree_clock; 0: nothing is mapped
    union {
        uint16_t both;  // of these; TREE_PLAIN
        struct {
            bool unrecorded;  // there may be page tables that no record tells of (unrecorded.h)
            bool alone;       // no other tree is of the same EPT12, and L1 knows the tag as its EPTP
        };
    };
};
#define TREE_PLAIN 0x100u  // alone, and all of it is recorded

// The tree of a root.
struct tree *tree_at(uint32_t root);

// Roots from this one on were never assigned.
uint32_t tree_count(void);

// The root that holds the tag, or ROOT_NONE.
uint32_t tree_find(uint64_t tag);

// The root that a new tag should have: an unused one, else the least recently used.
uint32_t tree_victim(void);

// The least recently used tree that isn't empty, other than except; ROOT_NONE where there is none.
uint32_t tree_oldest_filled(uint32_t except);

// The root now holds an empty tree with that tag.
void tree_assign(uint32_t root, uint64_t tag);

// A page of the tree is wanted. Returns when that was: how records are compared.
extern uint64_t tree_clock;
static inline uint64_t tree_touch(struct tree *tree) { return tree->used = ++tree_clock; }

// Nothing is mapped in the tree any more.
void tree_emptied(uint32_t root);

// Forgets everything.
void tree_reset(void);
