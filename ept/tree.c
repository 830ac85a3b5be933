// SPDX-License-Identifier: BSD-2-Clause
// The EPT02 trees: which of the kernel's roots holds the shadow of which EPT12.
#include "tree.h"

#include "record.h"

struct state_lock tree_lock;
struct ept12_cpu tree_cpu;
static struct tree trees[TREES];
static uint64_t tree_clock;
static uint32_t trees_used;  // from it on no root was ever assigned

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
