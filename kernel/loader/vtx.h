// SPDX-License-Identifier: BSD-2-Clause
// Can this CPU run Bulkhead? Asked of every CPU before anything is changed.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <caps/info.h>

#define VTX_WHY 100

// IA32_FEATURE_CONTROL (SDM 4 table 2-2). Unlocked is fine: launch.c sets both.
#define FEATURE_LOCK (1u << 0)
#define FEATURE_VMX  (1u << 2)   // VMX outside SMX

// IA32_DEBUGCTL (SDM 4 table 2-2), the bits that only some CPUs with VMX have and that software can ask for: detection of bus locks, counters that stand still in
// system management mode, and debugging of RTM.
#define DEBUGCTL_BUS_LOCK   (1u << 2)
#define DEBUGCTL_FREEZE_SMM (1u << 14)
#define DEBUGCTL_RTM        (1u << 15)

// What decides, read on the CPU in question. All 0 where there is no VT-x to ask.
struct vtx_facts {
    bool vmx;                     // CPUID says so
    bool no_execute;              // the CPU has EFER.NXE
    bool no_execute_on;           // and the firmware set it
    bool pcid, invpcid;           // the CPU has them
    uint64_t cr4;
    uint32_t physical_bits;       // MAXPHYADDR
    uint64_t debugctl_some;       // which of the DEBUGCTL_ above
    uint64_t feature_control;
    uint64_t msr[VMX_MSR_COUNT];  // from VMX_MSR_FIRST on; 0 where the CPU hasn't got it
};

// Reads the facts of the CPU that runs this. Changes nothing.
void vtx_read(struct vtx_facts *facts);

// What keeps Bulkhead from running on a CPU with these facts, next to a first CPU with those (which may be the same one): a text that goes behind
// "bulkhead: " or "bulkhead: CPU n: ". False: nothing does.
bool vtx_missing(const struct vtx_facts *facts, const struct vtx_facts *first, char why[VTX_WHY]);

// Is this code running on Bulkhead?
bool vtx_on_bulkhead(void);
