// SPDX-License-Identifier: BSD-2-Clause
// VMREAD and VMWRITE by an L2.

#include <caps/exit_reason.h>
#include <rt/call.h>
#include <rt/guest.h>
#include <rt/reply.h>

#include "cpu.h"
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
    reply_advance(m->rep);
}

// The error number is the current VMCS', which is L2's own (SDM 3C 31.2 "Conventions").
static void fail(struct message *m, struct vmcs12 *v, enum insn_error error)
{
    vmcs12_put(v, VMCS_INSTRUCTION_ERROR, error);
    end(m, RFLAGS_ZF);
}

// The value that is written, or read: false where the instruction has ended already.
static bool operand_in(struct message *m, uint64_t *value)
{
    *value = 0;
    if (!operand_is_register(m))
        return operand_read_any(m, value, insn_is_64(m) ? 8 : 4);
    *value = operand_get(m, operand_register(m));
    return true;
}

static bool operand_out(struct message *m, uint64_t value)
{
    if (!operand_is_register(m))
        return operand_write_any(m, &value, insn_is_64(m) ? 8 : 4);
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
    if (is_write(m) && !operand_in(m, &value))
        return;
    if (!found) {
        fail(m, v, ERROR_UNSUPPORTED_FIELD);
        return;
    }
    if (!is_write(m)) {
        if (operand_out(m, vmcs12_get(shadow, ref.field) >> (ref.high ? 32 : 0)))
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
