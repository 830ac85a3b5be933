// SPDX-License-Identifier: BSD-2-Clause
#include "caller.h"

#include <caps/addr.h>
#include <caps/ept_map.h>
#include <caps/exit_reason.h>
#include <rt/info.h>
#include <rt/linear.h>
#include <rt/reply.h>
#include <rt/walk12.h>

struct caller caller_of(const struct request *req)
{
    struct caller caller = { .paging = paging_from_request(req) };
    caller.user = caller.paging.user;
    caller.paging.user = true;
    caller.word = caller.paging.long_code ? 8 : 4;
    caller.handle = req->origin == ORIGIN_L1 ? VMCS_HANDLE_01 : VMCS_HANDLE_L2;
    caller.paging.eptp12 = req->origin == ORIGIN_L1 ? 0 : req->tag;
    return caller;
}

bool caller_frame(const struct caller *caller, const struct request *req, gpa1_t *frame)
{
    const gpa2_t address = { req->field[0][VMCS_GUEST_PHYSICAL_ADDR] & PAGE_MASK };
    const struct ept12_cpu cpu = ept12_cpu(info);
    frame->v = address.v;
    if (caller->paging.eptp12 == 0)
        return true;
    const struct walk12 walk = walk12(&cpu, caller->paging.eptp12, address, 0);
    frame->v = leaf12_page(walk.entry, walk.level).v + (address.v & (level12_bytes(walk.level) - 1));
    return walk.kind == ENTRY12_LEAF;
}

bool caller_by_ept12(const struct caller *caller, struct reply *rep)
{
    if (!caller->by_ept12)
        return false;
    const bool misconfig = caller->fault_error & WALK_EPT12_MISCONFIG;
    rep->op_count = 0;
    rep->set = 0;
    const enum exit_reason reason = misconfig ? EXIT_EPT_MISCONFIG : caller->fault_error & WALK_EPT12_LOG ? EXIT_PML_FULL : EXIT_EPT_VIOLATION;
    reply_forward(rep, reason, misconfig ? 0 : caller->fault_error & ~WALK_EPT12_LOG, 0, caller->fault.v);
    rep->arg[4] = 1;
    return true;
}

static enum walk noted(struct caller *caller, enum walk walk)
{
    caller->by_ept12 |= walk == WALK_EPT12;
    return walk;
}

enum walk caller_walk(struct caller *caller, uint64_t address, unsigned access, gpa1_t *frame)
{
    const enum walk walk = walk_linear(&caller->paging, (gva_t){ address }, access, frame, &caller->fault_error);
    caller->fault.v = walk == WALK_EPT12 ? frame->v : width(caller->word, address);
    return noted(caller, walk);
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
        walk = noted(caller, linear_copy_in(&caller->paging, to, (gva_t){ from }, piece, 0, &caller->fault, &caller->fault_error));
    }
    return walk;
}

enum walk caller_write(struct caller *caller, uint64_t to, const void *from, uint32_t bytes)
{
    enum walk walk = WALK_OK;
    for (uint32_t piece; bytes > 0 && walk == WALK_OK; bytes -= piece, to += piece, from = (const uint8_t *)from + piece) {
        piece = piece_of(to, bytes);
        walk = noted(caller, linear_copy_out(&caller->paging, (gva_t){ to }, from, piece, 0, &caller->fault, &caller->fault_error));
    }
    return walk;
}

enum walk caller_check(struct caller *caller, uint64_t address, uint64_t bytes, unsigned access)
{
    enum walk walk = WALK_OK;
    gpa1_t frame;
    for (uint32_t piece; bytes > 0 && walk == WALK_OK; bytes -= piece, address += piece) {
        piece = piece_of(address, bytes);
        walk = caller_walk(caller, address, access, &frame);
    }
    return walk;
}
