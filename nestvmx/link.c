// SPDX-License-Identifier: BSD-2-Clause
// VMREAD and VMWRITE by an L2.

#include <caps/exit_reason.h>
#include <rt/call.h>
#include <rt/guest.h>
#include <rt/linear.h>
#include <rt/reply.h>

#include "cpu.h"
#include "exit.h"
#include "field.h"
#include "inject.h"
#include "link.h"
#include "operand.h"
#include "result.h"
#include "vmcs02.h"
#include "x86.h"

static bool is_write(const struct message *m) { return BASE_REASON(m) == EXIT_VMWRITE; }

// The operand that names the field; in 64-bit code all of its bits count.
static uint64_t encoding(const struct message *m)
{
    const uint64_t value = operand_gpr(m->req, operand_register2(m));
    return insn_is_64(m) ? value : value & 0xffffffff;
}

bool link_wanted(const struct message *m, const struct vmcs12 *v)
{
    const uint64_t field = encoding(m);
    uint32_t bits = 0;
    if (!vmcs12_proc2(v, PROC2_VMCS_SHADOWING) || field > ENCODING_LAST)
        return true;
    // L1 may change its bitmaps at any time, and a CPU looks at them each time. One that isn't there reads all ones.
    const uint64_t bitmap = vmcs12_get(v, is_write(m) ? VMCS_VMWRITE_BITMAP : VMCS_VMREAD_BITMAP);
    return !guest_read32((gpa1_t){ bitmap + field / 32 * 4 }, &bits) || ((bits >> (field % 32)) & 1);
}

static void end(struct message *m, uint64_t flags)
{
    reply_flags(m->rep, flags);
    reply_advance_own(m->rep);
}

// The error number is the current VMCS', which is L2's own (SDM 3C 31.2 "Conventions").
static void fail(struct message *m, struct vmcs12 *v, enum insn_error error)
{
    vmcs12_put(v, VMCS_INSTRUCTION_ERROR, error);
    end(m, RFLAGS_ZF);
}

// L2's paging, for an operand in memory.
static struct paging paging(struct message *m, const struct vmcs12 *v)
{
    message_need(m, MEMORY_GROUPS);
    if (!(exit_field(m, VMCS_GUEST_EFER) & EFER_LMA))
        message_need(m, GROUP_PDPTE);
    struct paging result = paging_from_request(m->req);
    result.eptp12 = vmcs12_proc2(v, PROC2_ENABLE_EPT) ? vmcs12_get(v, VMCS_EPTP) : 0;
    return result;
}

// Whether the operand was copied. If not L2 has its fault; or its exit to L1, where EPT12 is in the way: L1 does with the instruction what it does with those that
// its bitmaps name, instead of with the EPT violation.
static bool copied(struct message *m, struct vmcs12 *v, enum walk walk, gva_t fault, uint32_t error)
{
    switch (walk) {
    case WALK_OK:
    case WALK_UNMAPPED:
        return true;
    case WALK_FAULT:
        inject_pf(m, fault.v, error);
        return false;
    case WALK_NON_CANONICAL:
        if (operand_bits(m->req, 15, 3) == SEGMENT_SS)
            inject_ss(m);
        else
            inject_gp(m);
        return false;
    case WALK_UNSUPPORTED:
    case WALK_EPT12:
        break;
    }
    exit_deliver(m, v);
    return false;
}

// The value that is written, or read: false where the instruction has ended already.
static bool operand_in(struct message *m, struct vmcs12 *v, uint64_t *value)
{
    const uint32_t bytes = insn_is_64(m) ? 8 : 4;
    gva_t linear = { 0 }, fault = { 0 };
    uint32_t error = 0;

    *value = 0;
    if (operand_is_register(m)) {
        *value = operand_get(m, operand_register(m));
        return true;
    }
    if (!operand_linear(m, bytes, false, &linear))
        return false;
    const struct paging p = paging(m, v);
    const enum walk walk = linear_copy_in(&p, value, linear, bytes, 0, &fault, &error);
    if (walk == WALK_UNMAPPED)
        *value = bytes == 8 ? ~0ull : 0xffffffff;
    return copied(m, v, walk, fault, error);
}

static bool operand_out(struct message *m, struct vmcs12 *v, uint64_t value)
{
    const uint32_t bytes = insn_is_64(m) ? 8 : 4;
    gva_t linear = { 0 }, fault = { 0 };
    uint32_t error = 0;

    if (operand_is_register(m)) {
        if (!insn_is_64(m))
            value &= 0xffffffff;
        if (operand_register(m) != GPR_RSP) {
            reply_gpr(m->rep, (enum gpr)operand_register(m), value);
            return true;
        }
        reply_write(m->rep, m->handle, VMCS_GUEST_RSP, value);
        if (rt_invoke() != STATUS_OK)  // at once: RIP and flags go with a reply that has no operations
            rt_panic("RSP of an L2 can't be written");
        return true;
    }
    if (!operand_linear(m, bytes, true, &linear))
        return false;
    const struct paging p = paging(m, v);
    const enum walk walk = linear_copy_out(&p, linear, &value, bytes, 0, &fault, &error);
    return copied(m, v, walk, fault, error);
}

// A VMCS02 that the place still has, of the days when its VMCS was an ordinary one, isn't the VMCS12's any more.
static void write(struct vmcs12 *shadow, const struct field_ref *ref, uint64_t value)
{
    if (vmcs12_put(shadow, ref->field, field_written(ref, vmcs12_get(shadow, ref->field), value)))
        vmcs02_forget(shadow);
}

void link_access(struct message *m, struct vmcs12 *v)
{
    const uint64_t link = vmcs12_get(v, VMCS_VMCS_LINK_POINTER);
    struct field_ref ref;
    uint64_t value = 0;

    if (insn_cpl(m) != 0) {
        inject_gp(m);
        return;
    }
    // Not checked again: whatever has become of the region's first word since VM entry, the rest is numbers.
    struct vmcs12 *shadow = link != NO_ADDRESS ? vmcs12_link(m, (gpa1_t){ link }) : NULL;
    if (shadow == NULL) {
        end(m, RFLAGS_CF);
        return;
    }
    const bool found = field_find(encoding(m), &ref);
    if (is_write(m) && !operand_in(m, v, &value))
        return;
    if (!found) {
        fail(m, v, ERROR_UNSUPPORTED_FIELD);
        return;
    }
    if (!is_write(m)) {
        if (operand_out(m, v, vmcs12_get(shadow, ref.field) >> (ref.high ? 32 : 0)))
            end(m, 0);
        return;
    }
    if (field_read_only(ref.field)) {
        fail(m, v, ERROR_READ_ONLY_FIELD);
        return;
    }
    write(shadow, &ref, value);
    end(m, 0);
}
