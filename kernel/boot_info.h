// SPDX-License-Identifier: BSD-2-Clause
// Boot information: what the loader hands to the kernel. All of it lies in hidden memory. Both belong together: the manifest sees to it.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <caps/cap.h>
#include <caps/info.h>
#include <caps/inject.h>
#include <caps/layout.h>
#include <caps/loadable.h>
#include <caps/records.h>

#include "policy.h"
#include "space.h"
#include "vmx_caps.h"

#define BOOT_PARTITIONS PARTITION_MAX
#define BOOT_RANGES     256

// Where the loader's first page tables put things; the kernel keeps the two bases in its own.
//   KERNEL_BASE   the kernel's ELF segments, at their link addresses, with their rights
//   HIDDEN_BASE   hidden memory, read-write, not executable: host-physical X at HIDDEN_BASE + X
// and one page of the loader's switching code, mapped at its physical address. The kernel's own tables, kernel_tables, have the same without that page, and
//   LAPIC_VA      the local APIC, uncached
//   VTD_VA        a page for each VT-d unit, with its registers, uncached
// there hidden memory leaves out the kernel's text and rodata and the guard pages of stacks (cpu.h), and is the upper half of every address space.
#define LAPIC_VA 0xffffffffbffff000ull
#define KERNEL_BASE 0xffffffff80000000ull
#ifndef HIDDEN_BASE  // host tests have it elsewhere
#define HIDDEN_BASE 0xffff800000000000ull
#endif

// Where a CPU goes on as L1, with all other registers 0: it has what it needs on its stack. What else the firmware left lies behind it (loader/launch_state.h).
struct launch_entry { uint64_t rip, rsp, rflags; };

// VMCS fields, by their encodings, and what they are to hold.
#define BOOT_FIELDS 80
struct field_write { uint32_t encoding; uint64_t value; };
struct boot_fields { uint32_t count; struct field_write write[BOOT_FIELDS]; };

enum boot_range_kind { RANGE_RAM, RANGE_RESERVED, RANGE_MMIO, RANGE_ACPI };
struct boot_range { uint64_t base, bytes; uint32_t kind; uint32_t reserved; };  // from UEFI's memory map; sorted, no overlap

// One segment of a partition's image, in pages: [va, va + pages) holds file_bytes bytes from file_offset on, placed va_offset bytes into the first page,
// then zeros.
enum boot_rights { BOOT_EXECUTE = 1, BOOT_WRITE = 2, BOOT_READ = 4 };  // as in ELF's p_flags
struct boot_segment {
    uint64_t va;
    uint64_t pages;
    uint64_t va_offset;
    uint64_t file_offset;
    uint64_t file_bytes;
    uint32_t rights;
    bool state;  // lies in the state region: kept when the partition is reloaded
};

// A partition as the loader has read and checked it (loader/elf_partition.c): its file stays in hidden memory, reloads start from it.
#define BOOT_SEGMENTS SPACE_SEGMENTS
struct boot_partition {
    uint64_t base;                       // of the file
    struct space space;                  // built, its segments filled
    uint32_t segment_count;
    uint32_t callee[CAP_CALLS];          // where the header names a call: that partition's index
    struct boot_segment segment[BOOT_SEGMENTS];
    struct partition_header header;
};

// Faults to inject into a partition: only what the workload's configuration asks for (docs/boot.md).
struct boot_inject {
    uint32_t kind, message, instruction, count, span, spacing, stride;  // kind: INJECT_NONE: none so far
    bool on_request;                                                    // OP_INJECT may ask for one
};

// CPUID leaves [first, last] that L1 sees otherwise than the CPU has them (loader/hide.c): each register, by enum gpr, (the CPU's & keep) | set, and the bit of ECX
// that follows one of L1's CR4. The first row that matches counts.
struct boot_cpuid { uint32_t first, last, subleaf, keep[4], set[4], cr4, cr4_ecx; };
#define BOOT_CPUIDS       8
#define BOOT_CPUID_ANY    0xffffffffu                                // subleaf
#define BOOT_CPUID_LEAVES (1u << 1 | 1u << 7 | 1u << 0xd | 1u << 0x14)  // below 32 there are no others

// A byte that ends the machine, by a reset or a power-off (loader/watch.c): what of it `mask` names is `value`. mask 0: none.
#define BOOT_ENDS 7
struct boot_end { uint16_t port; uint8_t mask, value; bool power_off; };

// A unit of VT-d that keeps devices to EPT01. Its registers are L0's alone, as hidden memory is: L1 gets none of their pages. Addresses as the kernel sees them.
//   answer  what it is to forget is written there, and it says there that it has done so: its IOTLB invalidate register, or a word in memory
//   fault   the records of requests that it has refused, 16 bytes each, and their number
//   tail    where it is such a word: the tail of its queue, full of descriptors that the loader has written; NULL: it has none
#define VTD_UNITS 32
#ifndef VTD_VA
#define VTD_VA (LAPIC_VA - VTD_UNITS * PAGE_BYTES)
#endif
struct boot_vtd { uint64_t base, bytes; volatile uint32_t *command, *tail, *fault_status; volatile uint64_t *answer, *fault; uint32_t faults; };

// What L1 sees of hidden memory, and partitions of pages that they have given back; what takes its writes for a moment.
enum boot_decoy { DECOY_01, DECOY_SCRATCH, BOOT_DECOYS };

enum { CONSOLE_E9 = 1, CONSOLE_COM1 = 2 };

struct boot_info {
    uint64_t hidden_base, hidden_bytes;   // host-physical, 2 MiB aligned both
    uint64_t free_base, free_bytes;       // the part of it that the loader did not use: the kernel's pool (records: how much is left of it)
    uint64_t kernel_base, kernel_bytes;   // where in hidden memory the kernel's segments lie
    uint64_t kernel_tables;               // top of the kernel's page tables
    uint64_t loader_tables;               // top of those by which the loader enters the kernel
    uint64_t loader_return;               // a loader_return_t, mapped there
    uint64_t cpu_blocks;                  // CPU 0's (cpu.h); the others' follow
    uint64_t window_tables;               // top of page tables with the window (caps/layout.h) alone, all of it writable; partitions share what is below
    uint64_t bitmaps;                     // VMCS01's, a page each by enum bitmap_kind
    const uint64_t *watched[ORIGIN_PAL][BITMAP_KINDS];  // these; and what of each L2's is L0's: the same, and what partitions claim of L2s
    uint64_t decoys;                      // pages of ones, by enum boot_decoy
    uint64_t records;                     // struct records_own: filled in, the log empty
    struct vmx_caps vmx;                  // the same on all CPUs, with all that L0 needs
    struct policy policy;                 // what partitions may write into VMCSs
    struct boot_cpuid cpuid[BOOT_CPUIDS];
    struct info info;                     // what partitions are told of it
    uint32_t cpu_count;
    uint32_t console;        // CONSOLE_...
    uint32_t partition_count;
    uint64_t partitions;     // BOOT_PARTITIONS of struct partition (partition.h), as the kernel sees it, but for what route.c adds
    uint64_t vmcs02s;        // VMCS02_MAX of struct vmcs02 (vmcs02.h), those that partitions own made, none with memory yet
    uint32_t root_count;     // EPT02 roots that partitions own
    uint32_t root_pals_of[ROOT_MAX];  // index + 1 of the partition whose PALs' trees they are: these map pages that it has taken and, read-only, its state region; or 0
    uint64_t mapped_end;     // EPT01 maps what is below from the start
    uint32_t range_count;
    uint32_t log_level;      // enum log_level: what is more detailed isn't logged
    uint64_t watchdog_ticks; // of the time-stamp counter, that a message may take; 0: any number
    uint64_t watchdog_counter;  // where a counter starts that wraps after so many; 0: other CPUs watch, or nobody does
    struct boot_end end[BOOT_ENDS];
    uint64_t ept01;          // its top table, empty: devices' tables lead to it
    uint32_t vtd_count;      // 0: devices aren't kept out of anything
    bool vtd_write_back;     // a unit does not snoop caches for its tables
    uint64_t vtd_leaf;       // what leaves of EPT01 have for the units; the CPU ignores it
    struct boot_vtd vtd[VTD_UNITS];
    uint64_t rsdp;           // ACPI's root, 0 where there is none
    uint64_t crash_base;     // in hidden memory: the previous boot's struct crash_record (magic 0: none), and behind it a struct crash_area of this one's
    uint32_t crash_generation;            // of the next record
    uint32_t panic_resets;   // 1: a panic ends in a reset, else all CPUs halt
    struct boot_partition partition[BOOT_PARTITIONS];
    struct boot_inject inject[BOOT_PARTITIONS];  // of partition[i]
    struct loadables loadables;
    uint32_t loadable;         // bit n: partition n is one of these, dormant at first
    uint32_t debug, debugger;  // index + 1 of the partition that is debugged, and COM2 is the debugger's then, 0: none; index of that
    struct boot_range range[BOOT_RANGES];
    const struct launch_entry *launch[CPU_MAX];
    struct boot_fields host, vmcs02, after_init;  // of every VMCS; of a fresh VMCS02; of VMCS01 after INIT (loader/fields.c)
    struct boot_fields vmcs01[CPU_MAX];   // for the launch
    const char *error;                    // the kernel's one clear line where it returns instead of launching: in its rodata
};
extern const struct boot_info *boot_info;

// The kernel's ELF entry point. Entered on each CPU by the loader's switching code, interrupts off, on the loader's page tables, with no global translation,
// on the stack of the CPU's block, with its GDT and TSS, and CR0, EFER, DR7, DEBUGCTL, FS' base and SYSENTER's CS and ESP as the kernel wants them: CPU 0 first, the
// others when it has returned as L1.
//   info: the boot information at HIDDEN_BASE + its address; cpu: index into launch[].
// A launched CPU goes on at launch[cpu]->rip as L1 with RAX = 0. One that can't be launched goes on at info->loader_return, not in VMX operation, on
// the loader's page tables, everything else as the kernel left it.
typedef void kernel_entry_t(struct boot_info *info, uint32_t cpu);
typedef void loader_return_t(const struct launch_entry *launch);
