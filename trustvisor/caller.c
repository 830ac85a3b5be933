// SPDX-License-Identifier: BSD-2-Clause
#include "caller.h"

#include <caps/addr.h>
#include <rt/linear.h>

struct caller caller_of(const struct request *req)
{
    struct caller caller = { .paging = paging_from_request(req) };
    caller.user = caller.paging.user;
    caller.paging.user = true;
    caller.word = caller.paging.long_code ? 8 : 4;
    return caller;
}

static uint32_t piece_of(uint64_t address, uint64_t bytes)
{
    const uint64_t to_border = PAGE_BYTES - address % PAGE_BYTES;
    return (uint32_t)(bytes < to_border ? bytes : to_border);
}

enum walk caller_read(struct caller *caller, void *to, uint64_t from, uint32_t bytes)
{
    enum walk walk = WALK_OK;
    for (uint32_t piece; bytes > 0 && walk == WALK_OK; bytes -= piece, from += piece, to = (uint8_t *)to + piece) {
        piece = piece_of(from, bytes);
        walk = linear_copy_in(&caller->paging, to, (gva_t){ from }, piece, 0, &caller->fault, &caller->fault_error);
    }
    return walk;
}

enum walk caller_write(struct caller *caller, uint64_t to, const void *from, uint32_t bytes)
{
    enum walk walk = WALK_OK;
    for (uint32_t piece; bytes > 0 && walk == WALK_OK; bytes -= piece, to += piece, from = (const uint8_t *)from + piece) {
        piece = piece_of(to, bytes);
        walk = linear_copy_out(&caller->paging, (gva_t){ to }, from, piece, 0, &caller->fault, &caller->fault_error);
    }
    return walk;
}

enum walk caller_check(struct caller *caller, uint64_t address, uint64_t bytes, unsigned access)
{
    enum walk walk = WALK_OK;
    gpa1_t frame;
    for (uint32_t piece; bytes > 0 && walk == WALK_OK; bytes -= piece, address += piece) {
        piece = piece_of(address, bytes);
        walk = walk_linear(&caller->paging, (gva_t){ address }, access, &frame, &caller->fault_error);
        caller->fault.v = address;
    }
    return walk;
}
