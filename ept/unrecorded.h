// SPDX-License-Identifier: BSD-2-Clause
// Page tables of EPT02 that are mapped, but of which no record tells any more: a bit for each 2 MiB of a tree's first 64 GiB. INVEPT can't tell whether they
// still hold: they go.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <caps/addr.h>

#define UNRECORDED_BYTES (64ull << 30)

// base: the first address of a page table. false: beyond the 64 GiB, nothing is done.
bool unrecorded_add(uint32_t root, gpa2_t base);
void unrecorded_remove(uint32_t root, gpa2_t base);

// The first one at *base or above, in *base. false: there is none.
bool unrecorded_from(uint32_t root, gpa2_t *base);

void unrecorded_forget(uint32_t root);
