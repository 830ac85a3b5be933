// SPDX-License-Identifier: BSD-2-Clause
// Decoding of replies. A partition can write its reply while the kernel reads it (from another CPU): every value is read once.

#include "reply.h"

#include <stddef.h>

#include "cap.h"
#include "group.h"
#include "memory.h"
#include "msr_l1.h"
#include "policy.h"
#include "pool.h"
#include "shadow.h"
#include "vmcs02.h"

#define ONCE(lvalue) (*(const volatile __typeof__(lvalue) *)&(lvalue))

static struct batch *batches[CPU_MAX];

static const uint32_t op_right[OP_COUNT] = {
#define OP(name, right) RIGHT_##right & ~(uint32_t)RIGHT_NONE,
#include <caps/op.def>
#undef OP
};

enum status batch_init(uint32_t cpus)
{
    for (uint32_t i = 0; i < cpus; i++) {
        hpa_t page;
        TRY(pool_alloc((sizeof(struct batch) + PAGE_BYTES - 1) / PAGE_BYTES, &page));
        batches[i] = hidden_va(page);
        batches[i]->work = EPT02_WORK;
    }
    return STATUS_OK;
}

struct batch *batch_of(const struct cpu *cpu) { return batches[cpu->index]; }

static struct action *add_action(struct batch *batch, uint16_t code)
{
    struct action *action = &batch->action[batch->action_count++];  // at most two an operation: fits
    action->code = code;
    return action;
}

// The action that takes writes into that VMCS: the last one, where it is such.
static struct action *write_action(struct batch *batch, const struct vmcs_target *target)
{
    if (batch->action_count > 0) {
        struct action *last = &batch->action[batch->action_count - 1];
        if (last->code == OP_WRITE_FIELD && last->region.v == target->region.v)
            return last;
    }
    struct action *action = add_action(batch, OP_WRITE_FIELD);
    action->region = target->region;
    action->first = batch->write_count;
    action->count = 0;
    return action;
}

// What the handle names. A VMCS02 that the batch clears belongs to nobody from there on.
static enum status resolve(const struct batch *batch, struct cpu *cpu, const struct partition *partition, uint32_t handle,
                           struct vmcs_target *target)
{
    TRY(handle_resolve(cpu, partition, handle, target));
    return target->vmcs02 != NULL && (batch->cleared >> target->vmcs02->index & 1) ? STATUS_BAD_STATE : STATUS_OK;
}

static void note_event(struct batch *batch, const struct cpu *cpu, const struct vmcs_target *target, uint64_t groups)
{
    if ((groups & GROUP_EVENT) && target->kind == VMCS_KIND_02 && target->vmcs02 == cpu->vmcs02)
        batch->wrote_event = true;
}

static enum status decode_write_field(struct batch *batch, struct cpu *cpu, const struct partition *partition, const struct op *op)
{
    if (op->a >= VMCS_FIELD_COUNT)
        return STATUS_BAD_ARG;
    enum vmcs_field field = (enum vmcs_field)op->a;
    uint64_t group = 1ull << vmcs_field_info[field].group, value = op->b;
    struct vmcs_target target;
    if (!cap_check(&partition->header, CAP_WRITE, op->object, group))
        return STATUS_DENIED;
    if (!vmcs_field_exists(field))
        return STATUS_BAD_FIELD;
    TRY(resolve(batch, cpu, partition, op->object, &target));
    if (!(group & group_plain[target.kind]))
        TRY(policy_admit(target.kind, field, &value));
    if (batch->write_count == FIELD_WRITES_MAX)
        return STATUS_BAD_ARG;
    struct action *action = write_action(batch, &target);
    batch->write[batch->write_count++] = (struct field_write){ vmcs_field_info[field].encoding, value };
    action->count++;
    note_event(batch, cpu, &target, group);
    return STATUS_OK;
}

// Adds one group's fields with their values from a bank, checked one by one. What the policy keeps to L0 is left out.
static enum status add_checked(struct batch *batch, struct action *action, enum vmcs_kind kind, unsigned group, const uint64_t *bank)
{
    for (const struct group_field *field = group_first[group]; field < group_first[group + 1]; field++) {
        uint64_t value = ONCE(bank[field->field]);
        enum status status = policy_admit(kind, (enum vmcs_field)field->field, &value);
        if (status == STATUS_DENIED)
            continue;
        TRY(status);
        if (batch->write_count == FIELD_WRITES_MAX)
            return STATUS_BAD_ARG;
        batch->write[batch->write_count++] = (struct field_write){ field->encoding, value };
        action->count++;
    }
    return STATUS_OK;
}

static enum status add_groups(struct batch *batch, const struct vmcs_target *target, uint64_t groups, const uint64_t *bank)
{
    uint64_t plain = groups & group_plain[target->kind];
    groups &= ~plain;
    if (groups != 0) {
        struct action *action = write_action(batch, target);
        for (; groups != 0; groups &= groups - 1)
            TRY(add_checked(batch, action, target->kind, (unsigned)__builtin_ctzll(groups), bank));
    }
    if (plain != 0) {  // any value will do: the invocation takes them where they are
        struct action *action = add_action(batch, OP_WRITE_GROUPS);
        action->region = target->region;
        action->groups = plain;
        action->bank = bank;
    }
    return STATUS_OK;
}

static enum status decode_write_groups(struct batch *batch, struct cpu *cpu, const struct partition *partition, const struct op *op,
                                       const struct reply *reply)
{
    struct vmcs_target target;
    if (op->a >= MSG_BANKS)
        return STATUS_BAD_ARG;
    if (!cap_check(&partition->header, CAP_WRITE, op->object, op->b))
        return STATUS_DENIED;
    TRY(resolve(batch, cpu, partition, op->object, &target));
    note_event(batch, cpu, &target, op->b);
    return add_groups(batch, &target, op->b, reply->field[op->a]);
}

static enum status decode_copy_groups(struct batch *batch, struct cpu *cpu, const struct partition *partition, const struct op *op)
{
    struct vmcs_target to, from;
    if (!cap_check(&partition->header, CAP_WRITE, op->object, op->b) || !cap_check(&partition->header, CAP_READ, op->a, op->b))
        return STATUS_DENIED;
    if (batch->copy_count == BATCH_COPIES)
        return STATUS_BAD_ARG;
    TRY(resolve(batch, cpu, partition, op->object, &to));
    TRY(resolve(batch, cpu, partition, op->a, &from));
    note_event(batch, cpu, &to, op->b);
    uint64_t *bank = batch->copy[batch->copy_count++];
    shadow_select(cpu, from.region);
    group_read(cpu, op->b, bank);
    return add_groups(batch, &to, op->b, bank);
}

static enum status decode_vmcs02(struct batch *batch, struct cpu *cpu, const struct partition *partition, const struct op *op)
{
    if (!cap_check(&partition->header, CAP_VMCS02, op->object, 0))
        return STATUS_DENIED;
    struct vmcs02 *vmcs02 = vmcs02_at(partition->vmcs02_first + op->object - VMCS_HANDLE_02);
    if (op->code == OP_BITMAP && (op->a >> 16 >= BITMAP_KINDS || (op->a & 0xffff) >= PAGE_BYTES / sizeof(uint64_t)))
        return STATUS_BAD_ARG;
    if (op->code == OP_VMCS_EPT && op->b == VMCS02_TAG_NONE)
        return STATUS_BAD_ARG;
    TRY(op->code == OP_VMCS_RESET ? vmcs02_reserve(vmcs02, cpu) : vmcs02_take(vmcs02, cpu));
    if (batch->cleared >> vmcs02->index & 1)
        return STATUS_BAD_STATE;
    if (op->code == OP_VMCS_CLEAR)
        batch->cleared |= 1ull << vmcs02->index;
    add_action(batch, op->code)->vmcs02 = vmcs02;
    return STATUS_OK;
}

static enum status decode_l1(struct batch *batch, struct cpu *cpu, const struct op *op)
{
    if (op->a > 1)
        return STATUS_BAD_ARG;
    if (op->code == OP_SHADOW && op->a == 1 && !shadow_supported(cpu))
        return STATUS_UNSUPPORTED;
    add_action(batch, op->code);
    return STATUS_OK;
}

static void count_map_pages(struct batch *batch, uint32_t root, const struct op *op)
{
    uint64_t region = ept_map_level(op->a) == EPT_LEVEL_4K ? (uint64_t)root << 32 | op->b >> 21 : ~0ull;
    if (region == ~0ull || region != batch->map_region)
        batch->pages += EPT02_MAP_PAGES;
    batch->map_region = region;
}

static enum status decode_ept02(struct batch *batch, const struct cpu *cpu, const struct partition *partition, const struct op *op)
{
    if (!cap_check(&partition->header, CAP_ROOT, op->object, 0))
        return STATUS_DENIED;
    uint32_t root = partition->root_first + op->object;
    switch (op->code) {
    case OP_EPT_CREATE:
        if (op->b == 0 || op->b == VMCS02_TAG_NONE)
            return STATUS_BAD_ARG;
        batch->pages += EPT02_CREATE_PAGES;
        batch->map_region = ~0ull;
        break;
    case OP_EPT_BIND:  // the tag binds; all that is left to do is to check that it fits
        return cpu->level == ORIGIN_L2 && cpu->vmcs02 != NULL ? STATUS_OK : STATUS_BAD_STATE;
    case OP_EPT_MAP:
        if (!ept02_map_valid(op->a, (gpa2_t){ op->b }, (gpa1_t){ op->c }))
            return STATUS_BAD_ARG;
        count_map_pages(batch, root, op);
        break;
    case OP_EPT_UNMAP:
        if (op->a >= EPT_LEVEL_COUNT)
            return STATUS_BAD_ARG;
        batch->map_region = ~0ull;
        break;
    default:
        batch->map_region = ~0ull;
        break;
    }
    batch->touches_ept02 = true;
    add_action(batch, op->code)->root = root;
    return STATUS_OK;
}

static enum status decode_op(struct batch *batch, struct cpu *cpu, const struct partition *partition, const struct op *op,
                             const struct reply *reply)
{
    if (op->code >= OP_COUNT)
        return STATUS_BAD_CALL;
    if (op_right[op->code] != 0 && !cap_check(&partition->header, CAP_RIGHT, op_right[op->code], 0))
        return STATUS_DENIED;
    switch ((enum op_code)op->code) {
    case OP_WRITE_FIELD: return decode_write_field(batch, cpu, partition, op);
    case OP_WRITE_GROUPS: return decode_write_groups(batch, cpu, partition, op, reply);
    case OP_COPY_GROUPS: return decode_copy_groups(batch, cpu, partition, op);
    case OP_VMCS_RESET: case OP_VMCS_CLEAR: case OP_VMCS_EPT: case OP_VMCS_FLUSH: case OP_BITMAP:
        return decode_vmcs02(batch, cpu, partition, op);
    case OP_SHADOW: case OP_L1_VMX:
        return decode_l1(batch, cpu, op);
    case OP_EPT_CREATE: case OP_EPT_BIND: case OP_EPT_MAP: case OP_EPT_UNMAP: case OP_EPT_DROP:
        return decode_ept02(batch, cpu, partition, op);
    case OP_MSR_WRITE:
        if (!msr_l1_writable(op->a))
            return STATUS_UNSUPPORTED;
        add_action(batch, op->code);
        return STATUS_OK;
    case OP_COUNT: break;
    }
    return STATUS_BAD_CALL;
}

enum status batch_decode(struct batch *batch, struct cpu *cpu, struct partition *partition, const struct reply *reply)
{
    batch->action_count = batch->write_count = batch->copy_count = 0;
    batch->wrote_event = batch->touches_ept02 = false;
    batch->cleared = 0;
    batch->pages = 0;
    batch->map_region = ~0ull;
    uint16_t count = ONCE(reply->op_count);
    if (count == 0)
        return STATUS_OK;
    batch->failed_op = 0;
    if (count > OP_MAX)
        return STATUS_BAD_ARG;
    for (uint32_t i = 0; i < count; i++) {
        const struct op op = { ONCE(reply->op[i].code), ONCE(reply->op[i].object), ONCE(reply->op[i].a), ONCE(reply->op[i].b),
                               ONCE(reply->op[i].c) };
        batch->failed_op = i;
        uint32_t before = batch->action_count;
        TRY(decode_op(batch, cpu, partition, &op, reply));
        if (batch->action_count > before && op.code > OP_COPY_GROUPS) {
            struct action *action = &batch->action[before];
            action->a = op.a;
            action->b = op.b;
            action->c = op.c;
        }
    }
    return batch->pages == 0 || ept02_reserve(&batch->work, batch->pages) ? STATUS_OK : STATUS_NO_TABLES;
}

void batch_abandon(struct batch *batch)
{
    if (batch->work.reserved > 0)
        ept02_finish(&batch->work);
}

bool batch_status_returned(enum status status)
{
    return status == STATUS_NO_TABLES || status == STATUS_NO_MEMORY || status == STATUS_BAD_ADDRESS || status == STATUS_BUSY ||
           status == STATUS_UNSUPPORTED;
}

// Which verdicts a kind of message can end in.
static const uint8_t verdicts[] = {
    [MSG_INIT] = 1 << VERDICT_RETURN,
    [MSG_EXIT] = 1 << VERDICT_RESUME | 1 << VERDICT_L1 | 1 << VERDICT_L2 | 1 << VERDICT_FORWARD,
    [MSG_ENTRY_FAILED] = 1 << VERDICT_L1 | 1 << VERDICT_L2,
    [MSG_CALL] = 1 << VERDICT_RETURN,
    [MSG_KILL] = 1 << VERDICT_L1 | 1 << VERDICT_L2 | 1 << VERDICT_FORWARD | 1 << VERDICT_RETURN,
};

enum status verdict_decode(struct cpu *cpu, const struct partition *partition, const struct message *message, uint32_t sequence,
                           const struct reply *reply, struct answer *answer)
{
    uint16_t verdict = ONCE(reply->verdict);
    if (verdict >= VERDICT_COUNT || !(verdicts[message->kind] & 1u << verdict))
        return STATUS_BAD_ARG;
    if (ONCE(reply->sequence) != sequence)
        return STATUS_BAD_STATE;
    answer->verdict = verdict;
    if (verdict == VERDICT_RESUME)
        return STATUS_OK;
    if (verdict == VERDICT_L1 && message->origin == ORIGIN_L2 && !cap_check(&partition->header, CAP_RIGHT, RIGHT_VMCS02, 0))
        return STATUS_DENIED;
    if (verdict == VERDICT_L2) {
        answer->vmcs02 = ONCE(reply->vmcs02);
        if (answer->vmcs02 >= VMCS02_MAX || !cap_check(&partition->header, CAP_VMCS02, VMCS_HANDLE_02 + answer->vmcs02, 0))
            return STATUS_DENIED;
        TRY(vmcs02_take(vmcs02_at(partition->vmcs02_first + answer->vmcs02), cpu));
    }
    if (verdict == VERDICT_FORWARD || verdict == VERDICT_RETURN) {
        answer->status = ONCE(reply->status);
        memory_copy(answer->arg, reply->arg, sizeof(answer->arg));
    }
    return STATUS_OK;
}
