// SPDX-License-Identifier: BSD-2-Clause
// Page tables of EPT02 that no record tells of.
#include "unrecorded.h"

#include <caps/layout.h>
#include <rt/string.h>

#include "tree.h"

#define WORD_BITS 64u

static uint64_t bits[TREES][UNRECORDED_BYTES / LARGE_BYTES / WORD_BITS];

static uint64_t number_of(gpa2_t base) { return base.v / LARGE_BYTES; }

bool unrecorded_add(uint32_t root, gpa2_t base)
{
    if (base.v >= UNRECORDED_BYTES)
        return false;
    bits[root][number_of(base) / WORD_BITS] |= 1ull << number_of(base) % WORD_BITS;
    tree_at(root)->unrecorded = true;
    return true;
}

void unrecorded_remove(uint32_t root, gpa2_t base)
{
    if (base.v < UNRECORDED_BYTES)
        bits[root][number_of(base) / WORD_BITS] &= ~(1ull << number_of(base) % WORD_BITS);
}

bool unrecorded_from(uint32_t root, gpa2_t *base)
{
    uint64_t word = number_of(*base) / WORD_BITS, skip = number_of(*base) % WORD_BITS;
    for (; word < sizeof(bits[root]) / sizeof(bits[root][0]); word++, skip = 0) {
        const uint64_t left = bits[root][word] >> skip << skip;
        if (left != 0) {
            base->v = (word * WORD_BITS + (unsigned)__builtin_ctzll(left)) * LARGE_BYTES;
            return true;
        }
    }
    return false;
}

void unrecorded_forget(uint32_t root) { memset(bits[root], 0, sizeof(bits[root])); }
