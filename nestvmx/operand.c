// SPDX-License-Identifier: BSD-2-Clause
// Operands that are no matter of the runtime's alone (rt/operand.h): registers, segments, faults.

#include <rt/call.h>
#include <rt/guest.h>
#include <rt/info.h>
#include <rt/linear.h>
#include <rt/operand.h>
#include <rt/reply.h>

#include "exit.h"
#include "field.h"
#include "inject.h"
#include "operand.h"
#include "pml.h"
#include "result.h"
#include "vmcs02.h"
#include "x86.h"

static uint32_t bits(const struct message *m, unsigned from, unsigned count) { return operand_bits(m->req, from, count); }

#define RIGHTS_TYPE(rights)  ((rights) & 15)
#define RIGHTS_UNUSABLE      (1u << 16)
#define TYPE_CODE            8u
#define TYPE_EXPAND_DOWN     4u
#define TYPE_READ_WRITE      2u  // data: writable; code: readable
#define RIGHTS_BIG           (1u << 14)

uint64_t operand_get(struct message *m, unsigned number)
{
    message_need(m, number == GPR_RSP ? GROUP_RSP : 0);
    const uint64_t value = operand_gpr(m->req, number);
    return insn_is_64(m) ? value : value & 0xffffffff;
}

void operand_set(struct message *m, unsigned number, uint64_t value)
{
    if (!insn_is_64(m))
        value &= 0xffffffff;
    if (number == GPR_RSP) {
        m->rsp = value;
        m->rsp_set = true;
        return;
    }
    reply_gpr(m->rep, (enum gpr)number, value);
}

static uint32_t segment_rights(const struct message *m, unsigned segment)
{
    return (uint32_t)exit_field(m, (enum vmcs_field)(VMCS_GUEST_ES_ACCESS_RIGHTS + segment));
}

// Segment type and limit outside 64-bit mode (SDM 3A 5.3 "Limit Checking", 5.5 "Privilege Levels").
static bool segment_allows(const struct message *m, unsigned segment, uint64_t offset, uint32_t bytes, bool write)
{
    const uint32_t rights = segment_rights(m, segment);
    const uint64_t limit = exit_field(m, (enum vmcs_field)(VMCS_GUEST_ES_LIMIT + segment)), last = offset + bytes - 1;
    const bool code = rights & TYPE_CODE;

    if (rights & RIGHTS_UNUSABLE)
        return false;
    if (write ? code || !(rights & TYPE_READ_WRITE) : code && !(rights & TYPE_READ_WRITE))
        return false;
    if (!code && (rights & TYPE_EXPAND_DOWN))
        return offset > limit && last <= ((rights & RIGHTS_BIG) ? 0xffffffffull : 0xffffull);
    return last <= limit;
}

static void inject_segment(struct message *m, unsigned segment)
{
    if (segment == SEGMENT_SS)
        inject_ss(m);
    else
        inject_gp(m);
}

bool operand_linear(struct message *m, uint32_t bytes, bool write, gva_t *out)
{
    const unsigned segment = bits(m, 15, 3);

    message_need(m, MEMORY_GROUPS);
    const uint64_t offset = operand_offset(m->req);
    if (segment > SEGMENT_GS) {
        inject_ud(m);
        return false;
    }
    if (insn_is_64(m)) {
        const bool based = segment == SEGMENT_FS || segment == SEGMENT_GS;
        message_need(m, based ? GROUP_SEG_BASE : 0);
        out->v = offset + (based ? exit_field(m, (enum vmcs_field)(VMCS_GUEST_ES_BASE + segment)) : 0);
        const uint64_t last = out->v + bytes - 1;
        if ((uint64_t)((int64_t)(out->v << 16) >> 16) != out->v || (uint64_t)((int64_t)(last << 16) >> 16) != last) {
            inject_segment(m, segment);
            return false;
        }
        return true;
    }
    message_need(m, SEGMENT_GROUPS);
    if (!segment_allows(m, segment, offset, bytes, write)) {
        inject_segment(m, segment);
        return false;
    }
    out->v = (exit_field(m, (enum vmcs_field)(VMCS_GUEST_ES_BASE + segment)) + offset) & 0xffffffff;
    return true;
}

// Of the instruction's level, with EPT12 for an L2's.
static struct paging paging(struct message *m)
{
    struct paging result = paging_from_request(m->req);
    if (result.mode == PAGING_PAE) {  // goes by registers, not by what memory has by now (SDM 3A 4.4.1 "PDPTE Registers")
        message_need(m, GROUP_PDPTE);
        for (unsigned i = 0; i < 4; i++)
            result.pdpte[i] = exit_field(m, (enum vmcs_field)(VMCS_GUEST_PDPTE0 + i));
        result.pdpte_known = true;
    }
    if (m->req->origin == ORIGIN_L2)
        result.eptp12 = vmcs02_tag(vmcs12_at(m->req->vmcs02));
    return result;
}

// What the walk found, as the CPU's answer. Memory that the window doesn't show reads all ones and takes no writes.
static bool walked(struct message *m, enum walk walk, gva_t fault, uint32_t error)
{
    switch (walk) {
    case WALK_OK:
    case WALK_UNMAPPED:
        return true;
    case WALK_FAULT:
        inject_pf(m, fault.v, error);
        return false;
    case WALK_NON_CANONICAL:
        inject_segment(m, bits(m, 15, 3));
        return false;
    case WALK_UNSUPPORTED:
    case WALK_EPT12:  // never of L1's own tables
        break;
    }
    if (m->req->origin == ORIGIN_L2) {
        struct vmcs12 *v = vmcs12_at(m->req->vmcs02);
        if (walk == WALK_EPT12 && (error & WALK_EPT12_LOG))
            pml_access(m, v, (gpa2_t){ fault.v }, error);
        else
            exit_deliver(m, v);  // instead of with the EPT violation L1 does with the instruction what it does with those of its L2 that it wants
        return false;
    }
    rt_log(LOG_ERROR, "L1 uses 5-level paging: its VMX instruction gets #UD");
    inject_ud(m);
    return false;
}

static bool quick(struct message *m, uint32_t bytes, unsigned access, gpa1_t *at)
{
    message_need(m, MEMORY_GROUPS);
    return operand_quick(m->req, bytes, access, at);
}

__attribute__((noinline)) bool operand_read_any(struct message *m, void *to, uint32_t bytes)
{
    gva_t linear = { 0 }, fault = { 0 };
    uint32_t error = 0;

    if (!operand_linear(m, bytes, false, &linear))
        return false;
    const struct paging p = paging(m);
    const enum walk walk = linear_copy_in(&p, to, linear, bytes, 0, &fault, &error);
    if (walk == WALK_UNMAPPED)
        memset(to, 0xff, bytes);
    return walked(m, walk, fault, error);
}

bool operand_read(struct message *m, void *to, uint32_t bytes)
{
    gpa1_t at = { 0 };

    if (!quick(m, bytes, ACCESS_READ, &at))
        return operand_read_any(m, to, bytes);
    if (!guest_copy_in(to, at, bytes))
        memset(to, 0xff, bytes);
    return true;
}

bool operand_write(struct message *m, const void *from, uint32_t bytes)
{
    gpa1_t at = { 0 };

    if (!quick(m, bytes, ACCESS_WRITE, &at))
        return operand_write_any(m, from, bytes);
    guest_copy_out(at, from, bytes);
    return true;
}

__attribute__((noinline)) bool operand_write_any(struct message *m, const void *from, uint32_t bytes)
{
    gva_t linear = { 0 }, fault = { 0 };
    uint32_t error = 0;

    if (!operand_linear(m, bytes, true, &linear))
        return false;
    const struct paging p = paging(m);
    const enum walk walk = linear_copy_out(&p, linear, from, bytes, 0, &fault, &error);
    return walked(m, walk, fault, error);
}
