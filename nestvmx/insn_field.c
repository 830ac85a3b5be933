// SPDX-License-Identifier: BSD-2-Clause
// VMREAD and VMWRITE.

#include <caps/vmcs_field.h>
#include <rt/info.h>
#include <rt/reply.h>

#include "cpu.h"
#include "field.h"
#include "insn.h"
#include "merge.h"
#include "operand.h"
#include "result.h"
#include "shadow.h"
#include "vmcap.h"
#include "vmcs02.h"
#include "vmcs12.h"

// Everything that the field's group needs to be up to date in the copy.
static void update(struct message *m, enum vmcs_field field)
{
    const uint64_t group = 1ull << vmcs_field_info[field].group;
    if (group & SHADOW_WRITTEN)
        shadow_absorb(m, m->current);
    vmcs12_pull(m->current, m, group);
}

// Nearly every VMREAD and VMWRITE: of 64-bit code, both operands general-purpose registers, a whole field whose group is up to date in the copy.
// VMCS_FIELD_COUNT: anything else.
static inline __attribute__((always_inline)) enum vmcs_field field_quick(const struct message *m, unsigned number)
{
    const uint64_t encoding = m->req->gpr[operand_register2(m)], behind = m->current->lazy | (info->shadowing ? SHADOW_WRITTEN : 0);
    if (!operand_is_register(m) || number == GPR_RSP || operand_register2(m) == GPR_RSP || !insn_is_64(m) || encoding > ENCODING_LAST || (encoding & 1))
        return VMCS_FIELD_COUNT;
    const unsigned found = field_at[encoding / 2];
    return found != 0 && !(behind >> vmcs_field_info[found - 1].group & 1) ? (enum vmcs_field)(found - 1) : VMCS_FIELD_COUNT;
}

static __attribute__((noinline)) void vmread_any(struct message *m)
{
    struct field_ref ref;

    if (!field_find(operand_get(m, operand_register2(m)), &ref)) {
        vm_fail(m, ERROR_UNSUPPORTED_FIELD);
        return;
    }
    update(m, ref.field);
    const uint64_t value = vmcs12_get(m->current, ref.field) >> (ref.high ? 32 : 0);
    if (operand_is_register(m))
        operand_set(m, operand_register(m), value);
    else if (!operand_write(m, &value, insn_is_64(m) ? 8 : 4))
        return;
    vm_succeed(m);
}

void insn_vmread(struct message *m)
{
    if (!insn_allowed(m))
        return;
    if (m->current == NULL) {
        vm_fail_invalid(m);
        return;
    }
    const unsigned to = operand_register(m);
    const enum vmcs_field field = field_quick(m, to);
    if (field == VMCS_FIELD_COUNT) {
        vmread_any(m);
        return;
    }
    reply_gpr(m->rep, (enum gpr)to, vmcs12_get(m->current, field));
    vm_succeed(m);
}

// What a VMWRITE makes of the field (SDM 3C 25.11.2 "VMREAD, VMWRITE, and Encodings of VMCS Fields").
static uint64_t written(const struct message *m, const struct field_ref *ref, uint64_t value)
{
    if (ref->high)
        return (vmcs12_get(m->current, ref->field) & 0xffffffff) | value << 32;
    if (!insn_is_64(m))
        value &= 0xffffffff;
    return value & field_bits[ref->field];
}

// Only VMCS12's controls decide about what of other groups goes into VMCS02.
static void write_field(struct message *m, enum vmcs_field field, uint64_t value)
{
    const uint64_t before = vmcs12_get(m->current, field), group = 1ull << vmcs_field_info[field].group;
    if (!vmcs12_put(m->current, field, value))
        return;
    vmcs02_changed(m->current, group | (group == GROUP_CONTROLS ? merge_affected(field, before ^ value) : 0));
    if (vmx_cpu_shadowing(m->cpu))
        shadow_update(m, m->current, group);
}

static __attribute__((noinline)) void vmwrite_any(struct message *m)
{
    struct field_ref ref;
    uint64_t value = 0;

    if (operand_is_register(m))
        value = operand_get(m, operand_register(m));
    else if (!operand_read(m, &value, insn_is_64(m) ? 8 : 4))
        return;
    if (!field_find(operand_get(m, operand_register2(m)), &ref)) {
        vm_fail(m, ERROR_UNSUPPORTED_FIELD);
        return;
    }
    if (encoding_class(vmcs_field_info[ref.field].encoding) == CLASS_INFO && !(vmcap_misc() & MISC_WRITE_INFO)) {
        vm_fail(m, ERROR_READ_ONLY_FIELD);
        return;
    }
    update(m, ref.field);
    // What an exit saved into VMCS12 depends on the exit controls that it had.
    if (ref.field == VMCS_EXIT_CONTROLS)
        vmcs12_pull(m->current, m, m->current->lazy);
    write_field(m, ref.field, written(m, &ref, value));
    vm_succeed(m);
}

void insn_vmwrite(struct message *m)
{
    if (!insn_allowed(m))
        return;
    if (m->current == NULL) {
        vm_fail_invalid(m);
        return;
    }
    const unsigned from = operand_register(m);
    const enum vmcs_field field = field_quick(m, from);
    if (field == VMCS_FIELD_COUNT || field == VMCS_EXIT_CONTROLS || encoding_class(vmcs_field_info[field].encoding) == CLASS_INFO) {
        vmwrite_any(m);
        return;
    }
    write_field(m, field, m->req->gpr[from] & field_bits[field]);
    vm_succeed(m);
}
