// SPDX-License-Identifier: BSD-2-Clause
// A walk of L1's page tables in software (SDM 3A chapter 4 "Paging"), or of an L2's.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <caps/addr.h>
#include <caps/msg.h>
#include <rt/guest.h>

enum paging_mode { PAGING_NONE, PAGING_32, PAGING_PAE, PAGING_4_LEVEL, PAGING_5_LEVEL };

// What address translation depends on, besides the tables.
struct paging {
    enum paging_mode mode;
    uint64_t cr3;         // as MOV reads it: PCID and cache bits are ignored
    uint64_t pdpte[4];    // PAGING_PAE: the registers, where pdpte_known; else they are read from memory
    bool pdpte_known;
    bool user;            // CPL 3
    bool long_code;       // 64-bit code: linear addresses have 64 bits and must be canonical; else 32
    bool write_protect;   // CR0.WP
    bool large_32;        // CR4.PSE: 4 MiB pages in PAGING_32
    bool no_execute;      // EFER.NXE
    bool smep, smap;      // CR4
    bool alignment_check; // RFLAGS.AC: explicit supervisor accesses to user pages although SMAP
    uint64_t eptp12;      // not 0: an L2's tables; what their entries name is L2-physical, by this EPT12
};

enum access { ACCESS_READ = 0, ACCESS_WRITE = 1, ACCESS_EXECUTE = 2, ACCESS_SYSTEM = 4 };
// ACCESS_SYSTEM is ORed in for implicit supervisor accesses (descriptor tables): CPL and AC don't count.

enum walk {
    WALK_OK,
    WALK_FAULT,         // #PF with *pf_error
    WALK_NON_CANONICAL, // #GP, or #SS through the stack segment
    WALK_UNMAPPED,      // a table lies where EPT01 maps nothing: on a CPU, an EPT violation
    WALK_UNSUPPORTED,   // 5-level paging
    WALK_EPT12,         // EPT12 doesn't allow it: *out is the address, L2-physical; *pf_error says how, see below
};
// *pf_error with WALK_EPT12: bits 6:0 as in an EPT violation's qualification (the access; the rights of the translation), and
#define WALK_EPT12_MISCONFIG (1u << 31)
#define WALK_EPT12_LOG       (1u << 30)  // EPT12 allows it, but flags are to be set there (EPTP12_LOGS)

// From the groups CR0, CR, EFER, PRIVILEGE, MODE and RIP (RFLAGS), and PDPTE if there, in bank 0 of a request.
struct paging paging_from_request(const struct request *req);

// Translates one linear address, and sets accessed and dirty flags as the CPU does. Rights are checked with supervisor and user
// pages, CR0.WP, NXE, SMEP, SMAP; reserved bits too; protection keys aren't. With EPT12 its rights are checked, its flags set as well; whatever is
// executed must be readable.
//   access: enum access, ORed;  *out: valid with WALK_OK;  *pf_error: valid with WALK_FAULT
enum walk walk_linear(const struct paging *paging, gva_t linear, unsigned access, gpa1_t *out, uint32_t *pf_error);

// What nearly every operand of a 64-bit supervisor meets: 4-level paging, all flags set already, nothing reserved, a supervisor page, and writable where it is
// to be written. false: anything else; walk_linear decides.
//   access: ACCESS_READ or ACCESS_WRITE;  *path: the walk, from the table that CR3 names
bool walk_supervisor(uint64_t cr3, bool no_execute, gva_t linear, unsigned access, struct guest_path *path, gpa1_t *out);
