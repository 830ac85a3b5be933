// SPDX-License-Identifier: BSD-2-Clause
// VMCS02s: the VMCSs that L2s run on, kernel objects that a partition names by handle.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <caps/addr.h>
#include <caps/msg.h>
#include <caps/status.h>

#include "cpu.h"

#define VMCS02_NO_CPU 0xffffffffu
#define VMCS02_HOST_VPID_FIRST 2u   // VPID 1 is L1's
#define VMCS02_TAG_NONE ~0ull       // a tag that no root can hold

struct vmcs02 {
    uint32_t index;        // among all
    uint32_t partition;    // owner's index
    uint32_t owner_index;  // among the owner's
    uint32_t active_cpu;   // VMPTRLDed there and not VMCLEARed since, or VMCS02_NO_CPU
    uint32_t host_cpu;     // whose host state it holds
    hpa_t region;          // 0 until the first VMCS_RESET
    hpa_t bitmap[BITMAP_KINDS];
    bool launched;         // VMRESUME, not VMLAUNCH
    bool reset;            // VMCS_RESET was done: it may be entered
    bool pal;              // its owner has RIGHT_PAL
    bool may_wait;         // its activity state was written: it may be wait-for-SIPI
    bool bound;            // top and root are what generation says
    uint32_t generation;   // of ept02_generation, when the tag was looked up
    uint32_t top;          // the tree's top table that EPTP names, ept02.h
    uint32_t root;         // the tree's root, or ROOT_NONE
    uint64_t tag;          // of the EPT02 tree to run on; 0: EPT01
    uint64_t eptp;         // what field EPTP holds
};

// One that the loader has allotted (loader/partitions.c).
struct vmcs02 *vmcs02_at(uint32_t index);

// Takes the VMCS02 for this CPU: STATUS_BUSY if it is active on another, STATUS_BAD_STATE if it has no memory yet.
NODISCARD enum status vmcs02_take(struct vmcs02 *vmcs02, struct cpu *cpu);

// VMCS_RESET in two steps: get its memory (may fail), make it fresh (can't).
NODISCARD enum status vmcs02_reserve(struct vmcs02 *vmcs02, struct cpu *cpu);
void vmcs02_reset(struct vmcs02 *vmcs02, struct cpu *cpu);

void vmcs02_clear(struct vmcs02 *vmcs02, struct cpu *cpu);
void vmcs02_flush(struct vmcs02 *vmcs02);
void vmcs02_bitmap(struct vmcs02 *vmcs02, enum bitmap_kind kind, uint32_t qword, uint64_t value);

// Ports of an access don't exit, or exit again where L0 watches them of L2s. false: one of them is watched of L1 too, and those before it are open.
bool vmcs02_ports(struct vmcs02 *vmcs02, uint16_t port, unsigned bytes, bool open);

void vmcs02_tag(struct vmcs02 *vmcs02, uint64_t tag);

// The root that holds its tag now, among all; ROOT_NONE.
uint32_t vmcs02_root(const struct vmcs02 *vmcs02);

// Makes it current and its EPTP that of the tree which holds its tag now. To be called before each entry on it; a tree that changes hands
// between this and the entry is harmless: its old top table stays, empty, as long as an EPTP names it.
void vmcs02_prepare(struct vmcs02 *vmcs02, struct cpu *cpu);

// Whether it is prepared already, and launched.
bool vmcs02_ready(const struct vmcs02 *vmcs02, const struct cpu *cpu);
