// SPDX-License-Identifier: BSD-2-Clause
// EPT01 as its neighbours see it: the contract of ept01_lookup(), which proof ept01_lookup shows it to keep.
#pragma once

#include "proof.h"

#include "../../kernel/ept01.h"
#include "../../kernel/pool.h"
#include "../../kernel/vmx_caps.h"

static uint64_t hidden_base, hidden_bytes;

static inline uint64_t leaf_bytes(unsigned level) { return 1ull << (12 + 9 * level); }

// Whether [base, base + bytes) has a hidden byte: the definition, for ranges that don't wrap.
static inline bool has_hidden(uint64_t base, uint64_t bytes)
{
    return base + bytes > hidden_base && base < hidden_base + hidden_bytes;
}

// Any hidden memory: whole pages below MAXPHYADDR.
static inline void any_hidden(void)
{
    hidden_base = any_u64();
    hidden_bytes = any_u64();
    ASSUME(hidden_base % PAGE_BYTES == 0 && hidden_bytes % PAGE_BYTES == 0 && hidden_bytes > 0);
    ASSUME(hidden_base < 1ull << 52 && hidden_bytes < 1ull << 52);
}

// What every leaf of EPT01 is that ept01_lookup() finds: the identity, and nothing hidden in all of it.
static inline bool ept01_leaf_fits(uint64_t address, const struct ept01_leaf *leaf)
{
    uint64_t bytes = leaf_bytes(leaf->level);
    return (unsigned)leaf->level < EPT_LEVEL_COUNT && leaf->hpa.v == address && leaf->rights != 0 && (leaf->rights & ~EPT_RIGHTS) == 0 &&
           leaf->type <= 7 && address < 1ull << vmx_caps->physical_bits && !has_hidden(address & ~(bytes - 1), bytes);
}
