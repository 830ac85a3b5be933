// SPDX-License-Identifier: BSD-2-Clause
// struct cpu: everything that the kernel keeps for one CPU.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <caps/addr.h>
#include <caps/layout.h>
#include <caps/msg.h>
#include <caps/records.h>

#include "descriptor.h"
#include "step.h"

// A CPU's block of hidden memory: CPU_BLOCK_BYTES, aligned to its size, so that any stack pointer in it leads to it. No GS base
// is needed: a partition could change that.
//   +0       struct cpu, whose records are the 40 KiB from +4 KiB on
//   +48 KiB  guard page, then 8 KiB of stack for #DB, #DF and #MC, then 8 KiB for NMI (IST)
//   +68 KiB  guard page, then the stack
#define CPU_BLOCK_BYTES 0x20000
#define CPU_IST_GUARD   0xc000
#define CPU_FAULT_TOP   0xf000
#define CPU_NMI_TOP     0x11000
#define CPU_STACK_GUARD 0x11000
#define CPU_STACK_TOP   0x20000

struct cpu {
    uint64_t gpr[GPR_COUNT];       // the guest's; offset 0 is known to entry.S. CR2 in RSP's place, as of the last message (cr2_stale)
    uint32_t index;
    struct tss tss;                // rsp0 (offset 136, known to upcall.S): the kernel's stack while a partition runs; a VM exit starts at the top
    uint32_t apic_id;
    union {
        volatile uint64_t attention;      // not 0: something out of the ordinary at this exit or entry
        struct {
            volatile bool nmi_arrived;    // in root mode, for L1 or L2; offset 240 is known to entry.S
            volatile bool deaf;           // L1 or L2 waits for SIPI: takes no NMI, uses no translation until its next exit
            bool nmi_pending;             // the guest has yet to get an NMI
            bool init_pending;            // an INIT came in while L1 was in VMX operation: it waits for an L2, or VMXOFF
            bool wait_for_sipi;           // after INIT
            bool started;                 // by a SIPI, and no exit since
            bool stepping;                // MTF is on: the guest executes one instruction
            bool cr2_stale;               // a partition has changed CR2, by a page fault or a reply: gpr[] has what the guest is to see
        };
    };
    enum msg_origin level;         // who runs, or ran until the exit being handled
    uint32_t reason;               // exit reason field of that exit
    uint64_t rip;                  // GUEST_RIP at that exit
    union {
        uint64_t accesses;         // made by the kernel since that exit
        struct { uint32_t vmreads, vmwrites; };
    };
    struct exit_stat *stat;        // where that exit is counted
    struct event *event;           // where it is recorded, and when it was
    hpa_t vmcs_current;            // what VMPTRLD loaded last
    hpa_t vmcs01, shadow, vmxon;   // VMCS regions; shadow is 0 without VMCS shadowing
    struct vmcs02 *vmcs02;         // level L2 or PAL: the VMCS02 it runs on
    struct vmcs02 *below;          // level PAL: the VMCS02 of the L2 that it runs for; NULL: for L1, and on other levels
    struct partition *partition;   // running on this CPU now, or NULL
    struct batch *batch;           // its replies, decoded
    bool vmcs01_launched;          // VMLAUNCH or VMRESUME?
    bool l1_vmx;                   // L1 is in VMX operation (OP_L1_VMX)
    bool shadowing;                // VMCS shadowing is on in VMCS01 (OP_SHADOW)
    bool event_exit;               // the exit being handled is an NMI's or INIT's that no VMCS shows (see enter_guest)
    bool launched;                 // runs, or is about to run, as L1
    bool nmi_expected;             // an NMI of shootdown.c is under way to this CPU
    bool repeat_sipi;              // asked for by shootdown_repeat_sipi()
    struct step step;
    uint64_t watched, watched_tsc; // watchdog.c: the message that another CPU saw here last, and when first
    uint64_t expired;              // the message that is out of time
    uint64_t lent;                 // the message that a counter of L1's counts for; 0: none
    struct watchdog_loan *loan;    // then: what L1 had there
    uint64_t shootdown_seen;       // generation of the last invalidation done here
    uint64_t started_tsc;          // at the last SIPI
    uint64_t launch_tsc;
    uint64_t gdt[GDT_ENTRIES];
    struct table_register gdtr;
    struct records_cpu records;    // on pages of its own: partitions may see it
};
_Static_assert(sizeof(struct cpu) <= CPU_IST_GUARD, "struct cpu ends below its guard page");
_Static_assert(offsetof(struct cpu, records) == PAGE_BYTES, "nothing else lies on the pages of the records");
_Static_assert(offsetof(struct cpu, nmi_arrived) == 240, "entry.S knows this offset");
_Static_assert(offsetof(struct cpu, tss.rsp0) == 136, "upcall.S knows this offset");

// The CPU that runs this code. Not on the boot stack (see boot.c).
static inline struct cpu *cpu_self(void)
{
    return (struct cpu *)((uintptr_t)__builtin_frame_address(0) & ~(uintptr_t)(CPU_BLOCK_BYTES - 1));
}

// tss.rsp0, which lies aligned although struct tss is packed.
static inline uint64_t *cpu_rsp0(struct cpu *cpu) { return (uint64_t *)((uintptr_t)cpu + offsetof(struct cpu, tss.rsp0)); }

// All CPUs' blocks, by index; NULL from cpu_count on.
extern struct cpu *cpu_table[CPU_MAX];
extern uint32_t cpu_count;

// This CPU's number, for the log: also on the boot stack.
uint32_t cpu_index(void);
