// SPDX-License-Identifier: BSD-2-Clause
// Memory operands: from the exit's instruction information to L1's memory (SDM 3C 28.2.5 "Information for VM Exits Due to Instruction
// Execution").

#include <rt/call.h>
#include <rt/guest.h>
#include <rt/info.h>
#include <rt/linear.h>
#include <rt/reply.h>

#include "field.h"
#include "inject.h"
#include "operand.h"
#include "result.h"
#include "x86.h"

// The instruction information.
static uint32_t bits(const struct message *m, unsigned from, unsigned count)
{
    return (uint32_t)(exit_field(m, VMCS_EXIT_INSTRUCTION_INFO) >> from) & ((1u << count) - 1);
}

enum segment { SEGMENT_ES, SEGMENT_CS, SEGMENT_SS, SEGMENT_DS, SEGMENT_FS, SEGMENT_GS };

#define RIGHTS_TYPE(rights)  ((rights) & 15)
#define RIGHTS_UNUSABLE      (1u << 16)
#define TYPE_CODE            8u
#define TYPE_EXPAND_DOWN     4u
#define TYPE_READ_WRITE      2u  // data: writable; code: readable
#define RIGHTS_BIG           (1u << 14)

bool operand_is_register(const struct message *m) { return bits(m, 10, 1); }
unsigned operand_register(const struct message *m) { return bits(m, 3, 4); }
unsigned operand_register2(const struct message *m) { return bits(m, 28, 4); }

// The register file as the instruction sees it.
static uint64_t register_value(struct message *m, unsigned number)
{
    if (number != GPR_RSP)
        return m->req->gpr[number];
    message_need(m, GROUP_RIP);
    return exit_field(m, VMCS_GUEST_RSP);
}

uint64_t operand_get(struct message *m, unsigned number)
{
    const uint64_t value = register_value(m, number);
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

static uint64_t effective_address(struct message *m)
{
    const unsigned size = bits(m, 7, 3);  // 0: 16, 1: 32, 2: 64 bits
    uint64_t address = exit_field(m, VMCS_EXIT_QUALIFICATION);
    if (!bits(m, 27, 1))
        address += register_value(m, bits(m, 23, 4));
    if (!bits(m, 22, 1))
        address += register_value(m, bits(m, 18, 4)) << bits(m, 0, 2);
    return size == 2 ? address : size == 1 ? address & 0xffffffff : address & 0xffff;
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

// The operand's linear address; false: an exception is in the reply.
static bool linear_address(struct message *m, uint32_t bytes, bool write, gva_t *out)
{
    const unsigned segment = bits(m, 15, 3);

    message_need(m, MEMORY_GROUPS);
    const uint64_t offset = effective_address(m);
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
    rt_log(LOG_ERROR, "L1 uses 5-level paging: its VMX instruction gets #UD");
    inject_ud(m);
    return false;
}

// What nearly every operand is: in 64-bit code at CPL 0 (who comes here has been asked), in a segment without a base, on one page that L1 uses already.
// false: anything else.
static bool operand_quick(struct message *m, uint32_t bytes, unsigned access, gpa1_t *at)
{
    const uint32_t wanted = 7u << 7 | 4u << 15, information = (uint32_t)exit_field(m, VMCS_EXIT_INSTRUCTION_INFO);

    message_need(m, MEMORY_GROUPS);
    const uint64_t efer = exit_field(m, VMCS_GUEST_EFER);
    if ((information & wanted) != 2u << 7 || !insn_is_64(m) || !(efer & EFER_LMA) || (exit_field(m, VMCS_GUEST_CR4) & CR4_LA57))
        return false;
    const uint64_t linear = effective_address(m);
    if ((linear & ~PAGE_MASK) + bytes > PAGE_BYTES)
        return false;
    return walk_supervisor(exit_field(m, VMCS_GUEST_CR3), efer & EFER_NXE, (gva_t){ linear }, access, at);
}

bool operand_read(struct message *m, void *to, uint32_t bytes)
{
    gva_t linear = { 0 }, fault = { 0 };
    gpa1_t at = { 0 };
    uint32_t error = 0;

    if (operand_quick(m, bytes, ACCESS_READ, &at)) {
        if (!guest_copy_in(to, at, bytes))
            memset(to, 0xff, bytes);
        return true;
    }
    if (!linear_address(m, bytes, false, &linear))
        return false;
    const struct paging paging = paging_from_request(m->req);
    const enum walk walk = linear_copy_in(&paging, to, linear, bytes, 0, &fault, &error);
    if (walk == WALK_UNMAPPED)
        memset(to, 0xff, bytes);
    return walked(m, walk, fault, error);
}

bool operand_write(struct message *m, const void *from, uint32_t bytes)
{
    gva_t linear = { 0 }, fault = { 0 };
    gpa1_t at = { 0 };
    uint32_t error = 0;

    if (operand_quick(m, bytes, ACCESS_WRITE, &at)) {
        guest_copy_out(at, from, bytes);
        return true;
    }
    if (!linear_address(m, bytes, true, &linear))
        return false;
    const struct paging paging = paging_from_request(m->req);
    const enum walk walk = linear_copy_out(&paging, linear, from, bytes, 0, &fault, &error);
    return walked(m, walk, fault, error);
}
