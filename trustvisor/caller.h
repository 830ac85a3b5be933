// SPDX-License-Identifier: BSD-2-Clause
// The program that makes a hypercall or calls a PAL: its registers' width, its memory with its own rights.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <caps/msg.h>
#include <rt/walk.h>

struct caller {
    struct paging paging;   // with the rights of CPL 3, whoever it is: a PAL gets nothing that its program couldn't use
    bool user;              // it runs at CPL 3
    uint32_t word;          // 4 or 8
    gva_t fault;            // of the last access that ended in WALK_FAULT
    uint32_t fault_error;
};

// From the groups CR, EFER, PRIVILEGE and RIP.
struct caller caller_of(const struct request *req);

// Any number of bytes. What isn't WALK_OK may have copied a part.
enum walk caller_read(struct caller *caller, void *to, uint64_t from, uint32_t bytes);
enum walk caller_write(struct caller *caller, uint64_t to, const void *from, uint32_t bytes);
// Whether every byte could be accessed so (enum access).
enum walk caller_check(struct caller *caller, uint64_t address, uint64_t bytes, unsigned access);
