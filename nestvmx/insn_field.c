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

// Nearly every VMREAD and VMWRITE: of 64-bit code, both operands general-purpose registers, a whole field whose group is up to date in the copy, and none of
// those besides. As field_at[] says; 0: anything else.
static inline __attribute__((always_inline)) unsigned field_quick(const struct message *m, unsigned number, uint64_t besides)
{
    const struct request *req = m->req;
    const unsigned second = operand_register2(m);
    const uint64_t encoding = req->gpr[second];
    if (!operand_is_register(m) || ((1u << number | 1u << second) & 1u << GPR_RSP) || !insn_is_64(m) || (encoding & ~(uint64_t)(ENCODING_LAST - 1)))
        return 0;
    const unsigned found = field_at[encoding / 2];
    return found != 0 && !((m->current->lazy | besides) >> field_group[found] & 1) ? found : 0;
}
_Static_assert((ENCODING_LAST & (ENCODING_LAST + 1)) == 0, "a mask");

// The end of such a one, the first thing that its reply says of registers: VMsucceed.
static inline void succeed_quick(struct reply *rep, uint32_t set)
{
    rep->rflags = 0;
    rep->set = set | SET_FLAGS | SET_ADVANCE;
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
    const unsigned found = field_quick(m, to, field_shadowed);
    if (found == 0) {
        vmread_any(m);
        return;
    }
    struct reply *rep = m->rep;
    rep->gpr[to] = m->current->value[found - 1];
    succeed_quick(rep, SET_GPR(to));
}

// The groups of the fields of class CLASS_INFO.
#define READ_ONLY_GROUPS \
    (1ull << GROUP_INDEX_EXIT | 1ull << GROUP_INDEX_QUALIFICATION | 1ull << GROUP_INDEX_EXIT_EVENT | 1ull << GROUP_INDEX_VECTORING | 1ull << GROUP_INDEX_EXIT_INSN | \
     1ull << GROUP_INDEX_ADDRESS | 1ull << GROUP_INDEX_INSN_ERROR | 1ull << GROUP_INDEX_SMM_IO)
#define FIELD(name, encoding, group, policy, nested, exists) \
    _Static_assert((((encoding) >> 10 & 3) == CLASS_INFO) == (READ_ONLY_GROUPS >> GROUP_INDEX_##group & 1), "all fields of a group, or none");
#include <caps/vmcs_field.def>
#undef FIELD

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
    if (field_read_only(ref.field)) {
        vm_fail(m, ERROR_READ_ONLY_FIELD);
        return;
    }
    update(m, ref.field);
    // What an exit saved into VMCS12 depends on the exit controls that it had.
    if (ref.field == VMCS_EXIT_CONTROLS)
        vmcs12_pull(m->current, m, m->current->lazy);
    write_field(m, ref.field, field_written(&ref, vmcs12_get(m->current, ref.field), value));
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
    const unsigned found = field_quick(m, from, field_shadowed | READ_ONLY_GROUPS);
    if (found == 0 || found - 1 == VMCS_EXIT_CONTROLS) {
        vmwrite_any(m);
        return;
    }
    const uint64_t value = m->req->gpr[from] & field_bits[found - 1];
    if (m->current->value[found - 1] != value)
        write_field(m, (enum vmcs_field)(found - 1), value);
    succeed_quick(m->rep, 0);
}
