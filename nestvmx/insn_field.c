// SPDX-License-Identifier: BSD-2-Clause
// VMREAD and VMWRITE.

#include <caps/vmcs_field.h>

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

void insn_vmread(struct message *m)
{
    struct field_ref ref;

    if (!insn_allowed(m))
        return;
    if (m->current == NULL) {
        vm_fail_invalid(m);
        return;
    }
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

// What a VMWRITE makes of the field (SDM 3C 25.11.2 "VMREAD, VMWRITE, and Encodings of VMCS Fields").
static uint64_t written(const struct message *m, const struct field_ref *ref, uint64_t value)
{
    if (ref->high)
        return (vmcs12_get(m->current, ref->field) & 0xffffffff) | value << 32;
    if (!insn_is_64(m))
        value &= 0xffffffff;
    return value & field_bits[ref->field];
}

void insn_vmwrite(struct message *m)
{
    struct field_ref ref;
    uint64_t value = 0;

    if (!insn_allowed(m))
        return;
    if (m->current == NULL) {
        vm_fail_invalid(m);
        return;
    }
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
    const uint64_t before = vmcs12_get(m->current, ref.field);
    if (vmcs12_put(m->current, ref.field, written(m, &ref, value))) {
        const uint64_t group = 1ull << vmcs_field_info[ref.field].group;
        vmcs02_changed(m->current, group | merge_affected(ref.field, before ^ vmcs12_get(m->current, ref.field)));
        if (vmx_cpu_shadowing(m->cpu))
            shadow_update(m, m->current, group);
    }
    vm_succeed(m);
}
