// SPDX-License-Identifier: BSD-2-Clause
// EPT01: L1-physical to the same host-physical address, shared by all CPUs, without hidden memory.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <caps/addr.h>
#include <caps/ept_map.h>
#include <caps/status.h>

#include "boot_info.h"

// EPT entry bits (SDM 3C 29.3.2 "EPT Translation Mechanism"); EPT_READ, EPT_WRITE, EPT_EXECUTE are bits 0 to 2.
#define EPT_TYPE_SHIFT 3
#define EPT_IGNORE_PAT (1ull << 6)
#define EPT_LARGE      (1ull << 7)
#define EPT_ADDRESS    0x000ffffffffff000ull
#define EPTP_ACCESSED_DIRTY (1ull << 6)  // the CPU sets bits 8 and 9 of entries (SDM 3C 29.3.5 "Accessed and Dirty Flags for EPT")
#define EPT_FLAGS      (1ull << 8 | 1ull << 9)
#define EPT_OWNER_SHIFT 52           // EPT01: the partition that has taken the page, index + 1; ignored by the CPU, mapped or not
#define EPT_OWNER      (31ull << EPT_OWNER_SHIFT)
#define EPT_VANISHING  (1ull << 62)  // EPT02: of a decoy of a page that has an owner: L2 may write there, and what it writes vanishes; ignored by the CPU

struct ept01_leaf {
    hpa_t hpa;             // of the address that was asked for
    uint32_t rights;       // EPT_READ | EPT_WRITE | EPT_EXECUTE
    uint32_t type;         // memory type: 0, 1, 4, 5, 6
    enum ept_level level;  // of the leaf: how far around the address the answer holds
    uint32_t owner;        // with STATUS_BAD_ADDRESS: the partition that has taken the page, index + 1; 0: none
};

// Bumped when a page gets another owner or another memory type, before who did it goes through what was made from the leaf before.
extern uint32_t ept01_generation;

// Builds the tables over low 4 GiB and all RAM. CPU 0, once, after mtrr_read.
NODISCARD enum status ept01_init(const struct boot_info *info);

// EPT pointer of EPT01.
uint64_t ept01_pointer(void);

// The leaf that maps an L1-physical address; MMIO that nobody touched yet is mapped first. STATUS_BAD_ADDRESS: hidden or
// beyond MAXPHYADDR, or taken. STATUS_NO_TABLES, STATUS_NO_MEMORY: no room to map it. Takes a lock: not in NMI context.
NODISCARD enum status ept01_lookup(gpa1_t address, struct ept01_leaf *out);

// The MTRRs have changed: memory types follow on all CPUs, in EPT02 as L2s touch their pages again.
void ept01_retype(void);

// Hidden memory, or a page that was taken, as L1 sees it: all-ones. writable: a scratch page takes writes, until ept01_decoy(page, false).
// The caller shoots down.
NODISCARD enum status ept01_decoy(gpa1_t page, bool writable);

// Gives a page of RAM from one owner to another (a partition's index + 1; 0: L1), mapped for L1 or not. STATUS_BUSY: it isn't from's. Once it has an owner it
// can't be looked up any more. Where it was mapped the caller shoots down.
enum status ept01_own(gpa1_t page, uint32_t from, uint32_t to, bool mapped);
uint32_t ept01_owner(gpa1_t page);
uint32_t ept01_taken(void);  // pages that have one
