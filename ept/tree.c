// SPDX-License-Identifier: BSD-2-Clause
// The EPT02 trees: which of the kernel's roots holds the shadow of which EPT12.
#include "tree.h"

#include <rt/channel.h>
#include <rt/cpu.h>

#include "record.h"
#include "unrecorded.h"

struct tree_gate tree_gate;
static struct { uint64_t *mapped, mask; uint32_t sequence; } left[CPU_MAX];  // what a CPU's reply is to map
struct ept12_cpu tree_cpu;
static struct tree trees[TREES];
uint64_t tree_clock;
static uint32_t trees_used;  // from it on no root was ever assigned

_Static_assert(CPU_MAX <= 64, "replies has a bit for each CPU");

static bool is_applied(uint32_t cpu)
{
    return __atomic_load_n(&rt_channel[cpu].channel.out.outbox.applied, __ATOMIC_ACQUIRE) == left[cpu].sequence;
}

// Who waits for a reply that the kernel has refused waits for a CPU that comes for the lock: it has to be free for longer than that one takes to look again.
static void breathe(void)
{
    state_unlock(&tree_gate.lock);
    for (unsigned i = 0; i < 16; i++)
        __builtin_ia32_pause();
    state_lock(&tree_gate.lock);
}

void tree_enter(void)
{
    const uint32_t cpu = rt_cpu();
    state_lock(&tree_gate.lock);
    if (tree_gate.replies >> cpu & 1) {
        // The kernel has refused it if it isn't done: here is the same message, once more.
        if (!is_applied(cpu))
            *left[cpu].mapped &= ~left[cpu].mask;
        tree_gate.replies &= ~(1ull << cpu);
    }
    while (tree_gate.settlers != 0)
        breathe();
}

static bool settled(void)
{
    for (uint64_t waits = tree_gate.replies; waits != 0; waits &= waits - 1)
        if (is_applied((uint32_t)__builtin_ctzll(waits)))
            tree_gate.replies &= ~(waits & -waits);
    return tree_gate.replies == 0;
}

bool tree_settle(void)
{
    if (settled())
        return true;
    tree_gate.settlers++;
    do
        breathe();
    while (!settled());
    tree_gate.settlers--;
    return false;
}

void tree_wait_settled(void)
{
    tree_leave();
    tree_enter();
    (void)tree_settle();
}

void tree_leave_in_reply(const struct request *req, struct reply *rep, uint64_t *mapped, uint64_t mask)
{
    const uint32_t cpu = rt_cpu();
    rep->set |= SET_APPLIED;
    left[cpu].mapped = mapped;
    left[cpu].mask = mask;
    left[cpu].sequence = req->sequence;
    tree_gate.replies |= 1ull << cpu;
    tree_leave();
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
        if (root == except || trees[root].used == 0)
            continue;
        if (oldest == ROOT_NONE || trees[root].used < trees[oldest].used)
            oldest = root;
    }
    return oldest;
}

static bool is_alone(uint32_t root)
{
    const uint64_t tag = trees[root].tag;
    bool alone = tag != 0 && !(tag & EPTP12_OF_TAG);
    for (uint32_t other = 0; other < trees_used; other++)
        alone &= other == root || ((trees[other].tag ^ tag) & WALK12_ADDRESS);
    return alone;
}

void tree_assign(uint32_t root, uint64_t tag)
{
    tree_emptied(root);
    if (root >= trees_used)
        trees_used = root + 1;
    trees[root].tag = tag;
    for (uint32_t each = 0; each < trees_used; each++)
        trees[each].alone = is_alone(each);
    tree_touch(&trees[root]);
}

void tree_emptied(uint32_t root)
{
    record_forget(root);
    if (trees[root].unrecorded)
        unrecorded_forget(root);
    trees[root].unrecorded = false;
    trees[root].used = 0;
}

void tree_reset(void)
{
    for (uint32_t root = 0; root < TREES; root++) {
        tree_emptied(root);
        trees[root] = (struct tree){ 0 };
    }
    tree_clock = 0;
}
