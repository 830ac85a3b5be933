// SPDX-License-Identifier: BSD-2-Clause
// The kernel's EPT02 trees, for host tests of ept: lists of leaves. Every mapping that ept asks for is checked against a second
// walker of EPT12.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <caps/ept_map.h>

#include "../harness.h"

#define TREES_ROOTS  16u
#define TREES_LEAVES 16384u
#define TREES_EPT01  (64ull << 30)  // what EPT01 maps: L1-physical 0 up to this, with a hole
#define TREES_HOLE   (3ull << 30)   // of 2 MiB

struct leaf { uint64_t from, to; unsigned level, rights, type, ignore_pat; };  // rights: as an entry has them

// Settings, for the test to change.
extern unsigned trees_budget;       // leaves in all trees together; more is NO_TABLES
extern unsigned trees_tables_budget; // tables in all trees together, without the top ones, and those of a batch that has yet to be made; more is NO_TABLES, too
extern bool trees_lax;              // mappings may be out of date when they are made (EPT12 is changing meanwhile)
extern enum status trees_refuse;    // what the next batch ends in, if not OK; once
extern void (*trees_on_read)(void); // before every read of an entry of EPT12

// To be called first: installs the model, sends MSG_INIT. Does nothing the second time.
void trees_start(void);

// Entry number index of the table at an L1-physical address.
void trees_entry(uint64_t table, unsigned index, uint64_t entry);
uint64_t trees_entry_now(uint64_t table, unsigned index);

// Tables at page, page + 1, ... that translate the address down to level; there, the entry leaf. Returns EPTP12.
uint64_t trees_path(unsigned page, uint64_t address, unsigned level, uint64_t leaf);

// L2's exit on the tree of that tag.
const struct reply *trees_violation(uint64_t tag, uint64_t address, unsigned access);
const struct reply *trees_exit(enum exit_reason reason, uint64_t tag, uint64_t address, uint64_t qualification);
// nestvmx's call; returns the status.
enum status trees_invept(uint64_t type, uint64_t eptp12);
// The instruction's exit, as VMCS01 and the registers have it.
const struct reply *trees_invept_exit(void);

// What EPT02 holds.
uint32_t trees_root(uint64_t tag);  // the first that holds the tag, as L2 finds it; ROOT_NONE: nothing
const struct leaf *trees_leaf(uint64_t tag, uint64_t address);
unsigned trees_count(void);         // leaves in all trees
unsigned trees_tables(void);        // tables, without the top ones
unsigned trees_count_of(uint64_t tag);

// The second walker.
enum reference { REFERENCE_OK, REFERENCE_ABSENT, REFERENCE_MISCONFIG };
enum reference reference(uint64_t eptp12, uint64_t address, struct leaf *out);

// Every leaf of every tree is what EPT12 says now, with no more rights.
void trees_check(void);
