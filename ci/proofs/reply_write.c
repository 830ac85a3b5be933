// SPDX-License-Identifier: BSD-2-Clause
// Proof: of WRITE_FIELD, WRITE_GROUPS and COPY_GROUPS decode_op() accepts only what the header grants, for VMCSs that are the partition's or the CPU's own. What it puts into
// the batch is a value that policy_admit() has let through, or a group whose fields take any value; nothing lands behind the ends of the batch's lists (I4, I6).
// A group's values: proof reply_values.
// CBMC: unwind=5 replace=group_read:contract_group_read,vmcs_select:contract_select,add_checked:contract_checked
#include "any_batch.h"

const struct group_field *group_first[GROUP_COUNT + 1];
uint64_t group_plain[VMCS_KINDS], group_masked[VMCS_KINDS];

static struct { enum vmcs_kind kind; unsigned field; uint64_t value; } admitted;
static uint64_t copied, checked;  // groups
static const uint64_t *the_bank;
static enum vmcs_kind the_kind;

// Proof policy shows what it lets through to be harmless.
enum status policy_admit(enum vmcs_kind kind, enum vmcs_field field, uint64_t *value)
{
    if (any_bool())
        return any_bool() ? STATUS_DENIED : STATUS_BAD_ADDRESS;
    *value = any_u64();
    admitted.kind = kind;
    admitted.field = field;
    admitted.value = *value;
    return STATUS_OK;
}

enum status contract_checked(struct batch *batch, struct action *action, const struct vmcs_target *target, unsigned group, const uint64_t *bank)
{
    PROVE(target->kind == the_kind && bank == the_bank && group < GROUP_COUNT, "by the policy for that VMCS, from that bank");
    PROVE(action == &batch->action[batch->action_count - 1] && action->code == OP_WRITE_FIELD, "into the last action");
    checked |= 1ull << group;
    uint32_t added = any_below(2);
    if (batch->write_count + added > FIELD_WRITES_MAX || any_bool())
        return STATUS_BAD_ARG;
    batch->write_count += added;
    action->count += added;
    return STATUS_OK;
}

void contract_group_read(struct cpu *cpu, uint64_t groups, uint64_t *bank)
{
    PROVE(cpu == &the_cpu && bank == the_bank, "into the batch");
    copied = groups;
}

void contract_select(struct cpu *cpu, hpa_t vmcs) { (void)cpu, (void)vmcs; }

static bool may(uint32_t handle, bool write, uint64_t groups)
{
    const struct vmcs_cap *cap = &the_partition.header.vmcs[handle == 0 || handle == VMCS_HANDLE_L2 ? 0 : handle == 1 ? 1 : 2];
    return (groups & ~(write ? cap->write : cap->read)) == 0;
}

// Cases are constants: CBMC knows then where in the batch everything goes.
//   object, groups, plain, masked: the operation's VMCS, and its groups, of which plain ones take any value, and masked ones one that the invocation masks
//   actions, writes, copies: how many the batch has already; open: the last action takes writes into the same VMCS
static void prove(enum op_code code, uint16_t object, uint64_t groups, uint64_t plain, uint64_t masked, unsigned actions, unsigned writes, unsigned copies, bool open)
{
    any_batch(actions);
    the_batch.write_count = writes;
    the_batch.copy_count = copies;
    the_batch.reply = (const struct reply *)0x10000000;  // never dereferenced
    struct op op = any_op(code);
    op.object = object;
    if (code != OP_WRITE_FIELD)
        op.b = groups;
    const bool l2 = object == VMCS_HANDLE_L2;
    enum vmcs_kind kind = the_kind = l2 ? VMCS_KIND_02 : handle_kind(object);
    const hpa_t region = kind == VMCS_KIND_01 ? the_cpu.vmcs01 : kind == VMCS_KIND_SHADOW ? the_cpu.shadow : the_vmcs02.region;
    if (code == OP_WRITE_FIELD)
        group_plain[kind] = any_u64();
    else
        group_plain[kind] = plain, group_masked[kind] = masked;
    uint32_t first = writes;
    if (actions > 0) {
        struct action *last = &the_batch.action[actions - 1];
        last->code = open ? OP_WRITE_FIELD : OP_BITMAP;
        if (open) {
            last->region = region;
            last->first = first = writes - 1;
            last->count = 1;
        }
    }
    the_bank = code == OP_COPY_GROUPS ? the_batch.copy[copies] : op.a < MSG_BANKS ? the_batch.reply->field[op.a] : NULL;
    if (decode_op(&the_batch, &op) != STATUS_OK)
        return;

    if (code == OP_WRITE_FIELD) {
        plain = masked = 0;
        groups = 1ull << vmcs_field_info[op.a].group;
    }
    PROVE(may(object, true, groups), "groups that it may write");
    PROVE(kind != VMCS_KIND_02 || l2 || took, "into a VMCS02 of its own that this CPU holds");
    PROVE(!l2 || ((the_partition.header.rights & RIGHT_PAL) && the_cpu.level == ORIGIN_L2), "or into that of the L2 that exited, by right");
    PROVE(region.v != 0 || kind == VMCS_KIND_02, "into a VMCS that there is");
    PROVE(the_batch.write_count <= FIELD_WRITES_MAX && the_batch.copy_count <= BATCH_COPIES && the_batch.action_count <= 2 * OP_MAX, "in the batch's lists");
    if (code == OP_COPY_GROUPS)
        PROVE(may(op.a, false, groups) && copied == groups, "from where it may read them");
    if (code == OP_WRITE_GROUPS)
        PROVE(op.a < MSG_BANKS, "from a bank that there is");

    unsigned next = actions;
    if (groups & ~(plain | masked)) {
        next += open ? 0 : 1;
        const struct action *into = &the_batch.action[next - 1];
        PROVE(into->code == OP_WRITE_FIELD && into->region.v == region.v, "values go into that VMCS");
        PROVE(into->first == first && into->first + into->count == the_batch.write_count, "and all of them do, and no others");
    }
    if (plain | masked) {
        const struct action *into = &the_batch.action[next++];
        PROVE(into->code == OP_WRITE_GROUPS && into->region.v == region.v && into->groups == plain && into->masked == masked && into->bank == the_bank,
              "groups that take any value, and those to be masked, from the bank");
    }
    PROVE(the_batch.action_count == next, "and nothing else happens");
    if (code != OP_WRITE_FIELD) {
        PROVE(checked == (groups & ~(plain | masked)), "the other groups are checked");
        return;
    }
    const struct field_write *write = &the_batch.write[writes];
    PROVE(the_batch.write_count == writes + 1 && write->encoding == vmcs_field_info[op.a].encoding, "the field that was asked for");
    if (groups & group_plain[kind])
        PROVE(write->value == op.b, "with the value asked for");
    else
        PROVE(admitted.kind == kind && admitted.field == op.a && write->value == admitted.value, "with the value let through");
    if (kind == VMCS_KIND_02 && op.a == VMCS_GUEST_ACTIVITY_STATE && !(groups & group_plain[kind]))
        PROVE(the_vmcs02.may_wait, "and that it may wait for SIPI is known");
}

int main(void)
{
    const unsigned many = 2 * OP_MAX - 2, last = FIELD_WRITES_MAX - 1;
    switch (any_below(9)) {
    case 8: prove(OP_WRITE_FIELD, VMCS_HANDLE_L2, 0, 0, 0, 0, 0, 0, false); break;
    case 0: prove(OP_WRITE_FIELD, 0, 0, 0, 0, 0, 0, 0, false); break;
    case 1: prove(OP_WRITE_FIELD, 7, 0, 0, 0, many, last, 0, true); break;
    case 7: prove(OP_WRITE_FIELD, 0, 0, 0, 0, 1, last + 1, 0, true); break;
    case 2: prove(OP_WRITE_GROUPS, 0, 7, 2, 4, 0, 0, 0, false); break;
    case 3: prove(OP_WRITE_GROUPS, 1, 5, 5, 0, 1, 1, 0, true); break;
    case 4: prove(OP_WRITE_GROUPS, 7, 5, 0, 4, many, last, BATCH_COPIES, false); break;
    case 5: prove(OP_COPY_GROUPS, 0, 7, 2, 1, 1, 1, BATCH_COPIES - 1, false); break;
    default: prove(OP_COPY_GROUPS, 7, 5, 1, 0, many, last, BATCH_COPIES, false); break;
    }
    return 0;
}
