// SPDX-License-Identifier: BSD-2-Clause
// The EPT02 trees: which of the kernel's roots holds the shadow of which EPT12.
#include "tree.h"

#include <rt/channel.h>
#include <rt/cpu.h>

#include "record.h"

static struct state_lock lock;
static struct { bool waits; uint32_t cpu, sequence; uint64_t *mapped, mask; } left;  // the reply that was left to do, and what it maps
struct ept12_cpu tree_cpu;
static struct tree trees[TREES];
static uint64_t tree_clock;
static uint32_t trees_used;  // from it on no root was ever assigned

static bool is_applied(void)
{
    return __atomic_load_n(&rt_channel[left.cpu].channel.out.outbox.applied, __ATOMIC_ACQUIRE) == left.sequence;
}

// The CPU whose reply is waited for has to come in if the kernel has refused it: with the same message, once more.
static __attribute__((noinline)) void settle(void)
{
    while (left.waits && left.cpu != rt_cpu() && !is_applied()) {
        state_unlock(&lock);
        __builtin_ia32_pause();
        state_lock(&lock);
    }
    if (left.waits && !is_applied())
        *left.mapped &= ~left.mask;
}

void tree_enter(void)
{
    state_lock(&lock);
    if (left.waits && !is_applied())
        settle();
    left.waits = false;
}

void tree_leave(void) { state_unlock(&lock); }

void tree_leave_in_reply(const struct request *req, struct reply *rep, uint64_t *mapped, uint64_t mask)
{
    rep->set |= SET_APPLIED;
    left.waits = true;
    left.cpu = rt_cpu();
    left.sequence = req->sequence;
    left.mapped = mapped;
    left.mask = mask;
    state_unlock(&lock);
}

uint32_t tree_count(void) { return trees_used; }

struct tree *tree_at(uint32_t root)
{
    return &trees[root];
}

uint32_t tree_find(uint64_t tag)
{
    for (uint32_t root = 0; root < trees_used; root++) {
        if (trees[root].tag == tag)
            return root;
    }
    return ROOT_NONE;
}

uint32_t tree_victim(void)
{
    uint32_t victim = 0;
    for (uint32_t root = 0; root < TREES; root++) {
        if (trees[root].tag == 0)
            return root;
        if (trees[root].used < trees[victim].used)
            victim = root;
    }
    return victim;
}

uint32_t tree_oldest_filled(uint32_t except)
{
    uint32_t oldest = ROOT_NONE;
    for (uint32_t root = 0; root < TREES; root++) {
        if (root == except || !trees[root].filled)
            continue;
        if (oldest == ROOT_NONE || trees[root].used < trees[oldest].used)
            oldest = root;
    }
    return oldest;
}

void tree_assign(uint32_t root, uint64_t tag)
{
    tree_emptied(root);
    if (root >= trees_used)
        trees_used = root + 1;
    trees[root].tag = tag;
    tree_touch(root);
}

void tree_touch(uint32_t root)
{
    trees[root].used = ++tree_clock;
}

void tree_emptied(uint32_t root)
{
    if (trees[root].filled)
        record_forget(root);
    trees[root].filled = false;
    trees[root].unrecorded = false;
}

void tree_reset(void)
{
    for (uint32_t root = 0; root < TREES; root++) {
        tree_emptied(root);
        trees[root] = (struct tree){ 0 };
    }
    tree_clock = 0;
}
