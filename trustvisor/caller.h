// SPDX-License-Identifier: BSD-2-Clause
// The program that makes a hypercall or calls a PAL, in L1 or in an L2: its registers' width, its memory with its own rights.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <caps/msg.h>
#include <rt/walk.h>

struct caller {
    struct paging paging;   // with the rights of CPL 3, whoever it is: a PAL gets nothing that its program couldn't use
    bool user;              // it runs at CPL 3
    uint32_t word;          // 4 or 8
    uint32_t handle;        // of its VMCS: VMCS_HANDLE_01 or VMCS_HANDLE_L2
    gva_t fault;            // of the last access that ended in WALK_FAULT; of WALK_EPT12: the L2-physical address
    uint32_t fault_error;
    bool by_ept12;          // an access ended in WALK_EPT12
};

// As much of a register, or an address, as a program of that word size has.
static inline uint64_t width(uint32_t word, uint64_t value) { return word == 8 ? value : (uint32_t)value; }

// From the groups CR0, CR, EFER, PRIVILEGE, MODE, RIP and RSP.
struct caller caller_of(const struct request *req);

// One address; the frame.
enum walk caller_walk(struct caller *caller, uint64_t address, unsigned access, gpa1_t *frame);
// The frame of the page that an EPT violation of it was about. false: EPT12 has changed meanwhile.
bool caller_frame(const struct caller *caller, const struct request *req, gpa1_t *frame);
// Where EPT12 refused an access: the L2's hypervisor gets an EPT violation, and the L2 does again what it did. false: it didn't.
bool caller_by_ept12(const struct caller *caller, struct reply *rep);

// Any number of bytes. What isn't WALK_OK may have copied a part.
enum walk caller_read(struct caller *caller, void *to, uint64_t from, uint32_t bytes);
enum walk caller_write(struct caller *caller, uint64_t to, const void *from, uint32_t bytes);
// Whether every byte could be accessed so (enum access).
enum walk caller_check(struct caller *caller, uint64_t address, uint64_t bytes, unsigned access);
