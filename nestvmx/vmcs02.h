// SPDX-License-Identifier: BSD-2-Clause
// What the partition knows about the VMCS02 of each VMCS12, so that an entry writes only what isn't there yet.
//
// All of it is derived and lies in ordinary memory: after a reload nothing is known, and the next entry makes the VMCS02 anew.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <caps/msg.h>

#include "vmcs12.h"

#define BITMAP_QWORDS 512u

// What nearly every exit and L1's answer to it change.
#define QUICK_GROUPS (GROUPS_RIP | GROUP_BLOCKING | GROUP_EVENT | GROUP_EVENT_DATA)

enum bitmap_content { CONTENT_PAGE, CONTENT_ONES, CONTENT_ZEROES };

struct vmcs02 {
    bool valid;            // it was reset, and everything but the dirty groups is there
    bool l1_ready;         // l1[] is what VMCS12's host state says
    bool l1_null;          // ...in 64-bit mode, with ES, DS, FS and GS null
    bool l1_long;          // L1 was in IA-32e mode when the checks passed
    bool tagged;           // tag is what the kernel was told
    bool recheck;          // a VM-entry check reads memory: that they passed says nothing of the next entry
    bool constant_bitmaps; // none of the three is a page of L1's
    uint32_t cpu;          // where its VPID may have translations of use, + 1; the entry on any other CPU flushes
    uint32_t vpid;         // and whose they are: the VPID12 of its last entry, 0: that had none. An entry with any other flushes
    uint32_t shadowed;     // the CPU (+ 1) whose shadow VMCS holds the copy's shadowed groups, if it holds this VMCS12's (shadow.c); 0: none
    uint32_t steady;       // an entry on that CPU (+ 1) writes what is dirty and nothing else, as long as only QUICK_GROUPS are; 0: none
    uint64_t dirty;        // groups to be written at the next entry
    uint64_t unchecked;    // groups of the VM-entry checks that L1 changed since they passed
    uint64_t saves;        // groups that an exit leaves behind (lazy); 0: not computed
    uint64_t loses;        // with saves: groups that L2 may have changed and VMCS12 doesn't save
    uint64_t stable;       // EFER, PAT: L2 can't change it without an exit to L1
    uint64_t tag;
    uint64_t l1_efer;      // with steady: L1's own
    uint64_t efer;         // in VMCS02, where L1's own was taken over
    uint64_t l1_version;   // another number for each state that was prepared
    uint64_t l1_groups;    // what an exit to L1 writes into VMCS01...
    uint64_t l1[VMCS_FIELD_COUNT];  // ...and the values, by field
    uint8_t content[BITMAP_KINDS];  // enum bitmap_content
    uint64_t bitmap[BITMAP_KINDS][BITMAP_QWORDS];
};

extern struct vmcs02 vmcs02_table[VMCS12_COUNT];
static inline struct vmcs02 *vmcs02_of(const struct vmcs12 *v) { return &vmcs02_table[vmcs12_place(v)]; }

// Nothing is known of any VMCS02. In MSG_INIT.
void vmcs02_init(void);

// The tag of the EPT02 tree that it runs on: EPTP12, whether writes are logged, whether bit 10 of its entries is a right; 0: EPT01.
uint64_t vmcs02_tag(const struct vmcs12 *v);

// The place is another VMCS12's now.
void vmcs02_forget(const struct vmcs12 *v);

// L1 changed fields of these groups of its VMCS12.
void vmcs02_changed(const struct vmcs12 *v, uint64_t groups);

// It is about to run on this CPU, and will have translations there.
void vmcs02_runs_here(const struct vmcs12 *v);

// The next entry of the VMCS02s that may have translations on this CPU flushes them: those of one VPID12, or (vpid < 0) all. Not at once: the
// operation would take VMCS02s of VMCS12s that are current nowhere, and another CPU could not use them any more.
void vmcs02_flush(int32_t vpid);
