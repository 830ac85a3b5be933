// SPDX-License-Identifier: BSD-2-Clause
// Capabilities: all the authority of a partition, declared as constants in the header of its image.
//
// The kernel copies the header when it loads the image, checks it, and lets the partition do nothing else. There is no
// other way to authority: no allocation, no derivation, no delegation.
#pragma once

#include <stdint.h>

#include <caps/msg.h>
#include <caps/vmcs_field.h>

#define CAP_MAGIC     0x3130504143484bull  // "KHCAP01"
#define CAP_ABI       2u
#define CAP_ROUTES    76
#define CAP_CALLS     4
#define CAP_NAME      16

enum right {
#define RIGHT(name, bit, text) RIGHT_##name = 1u << bit,
#include <caps/right.def>
#undef RIGHT
};

enum route_kind {
    ROUTE_NONE,
    ROUTE_EXIT,   // every exit with that origin and reason
    ROUTE_RANGE,  // only where the key lies in first..last: RAX for VMCALL, EAX for CPUID, ECX for RDMSR and WRMSR;
                  // IO of L1: the port of IN EAX, which is HYPERCALL_PORT; of L2: any of the access' ports, which then exit from every L2
    ROUTE_TAKEN,   // EXIT_EPT_VIOLATION of L1 or L2: only where it touches a page that the partition has taken
    ROUTE_IN_VMX,  // a VMX instruction of L1: only while L1 is in VMX operation on this CPU. Where the partition can't answer the next one does
    ROUTE_OBSERVE, // every exit with that origin (reason is 0), before it is handled; the reply changes nothing, SYS_INVOKE is denied
    ROUTE_KINDS
};

// One route: exits of this origin and reason become messages to the partition.
struct route_cap {
    uint8_t kind;            // enum route_kind
    uint8_t origin;          // enum msg_origin
    uint16_t reason;         // enum exit_reason
    uint32_t priority;       // lower first, where a partition forwards to the next one
    uint64_t groups;         // what travels, from the VMCS that exited
    uint64_t groups_shadow;  // and from the shadow VMCS, where shadowing is on
    uint64_t first, last;    // ROUTE_RANGE
};

// Which groups of a VMCS the partition may read (fetch) and write (operations); the fields' policies hold besides.
struct vmcs_cap { uint64_t read, write; };
enum vmcs_kind { VMCS_KIND_01, VMCS_KIND_SHADOW, VMCS_KIND_02, VMCS_KINDS };

// The first bytes of a partition's image (section .header, at IMAGE_BASE).
struct partition_header {
    uint64_t magic;           // CAP_MAGIC
    uint32_t abi;             // CAP_ABI
    uint32_t bytes;           // sizeof(struct partition_header)
    char name[CAP_NAME];      // ends in NUL
    uint64_t entry;           // every message enters here: rdi = CPU, rsi = struct request *, r8 = struct reply *, rbp = 0
    uint64_t fixup_first;     // a #PF on the window with RIP in [fixup_first, fixup_last)...
    uint64_t fixup_last;
    uint64_t fixup_resume;    // ...goes on here; 0: is a fault like every other
    uint64_t hang;            // a loop: where an injected hang goes; 0: none, as where no other CPU would end it
    uint64_t state_bytes;     // of the state region, in use from STATE_BASE on
    uint64_t seed;            // RIGHT_SECRETS: where in the state region the loader puts a struct seed (caps/seed.h); 0: nowhere
    uint32_t rights;          // RIGHT_... ORed
    uint32_t vmcs02_count;    // RIGHT_VMCS02: how many
    uint32_t root_count;      // RIGHT_EPT02: how many roots
    uint32_t route_count;     // rows of routes to look at; ROUTE_NONE rows among them are skipped
    struct vmcs_cap vmcs[VMCS_KINDS];
    char calls[CAP_CALLS][CAP_NAME];  // names of the partitions that it may call
    struct route_cap routes[CAP_ROUTES];
};
#define VMCS02_MAX 80
#define VMCS02_OWN_MAX 64u  // of one partition
#define ROOT_MAX   32
