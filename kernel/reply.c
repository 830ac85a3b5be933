// SPDX-License-Identifier: BSD-2-Clause
// Decoding of replies. A partition can write its reply while the kernel reads it (from another CPU): every value is read once.

#include "reply.h"

#include <stddef.h>

#include "cap.h"
#include "ept01.h"
#include "fault_inject.h"
#include "group.h"
#include "memory.h"
#include "msr_l1.h"
#include "policy.h"
#include "pin.h"
#include "pool.h"
#include "spinlock.h"
#include "vmcs.h"
#include "vmcs02.h"

#define TAKE_RESERVE 256u   // pages of the pool that tables of taken pages leave to others

// In the way of nearly every reply (WRITE_GROUPS, EPT_MAP_RUN).
#define HOT inline __attribute__((always_inline))

static const struct { uint32_t right; enum cap_kind object; } op_need[OP_COUNT] = {
#define OP(name, right, needs) { RIGHT_##right & ~(uint32_t)RIGHT_NONE, CAP_##needs },
#include <caps/op.def>
#undef OP
};

static struct action *add_action(struct batch *batch, const struct op *op)
{
    struct action *action = &batch->action[batch->action_count++];  // at most two an operation: fits
    action->code = op->code;
    action->a = op->a;
    action->b = op->b;
    action->c = op->c;
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
    struct action *action = &batch->action[batch->action_count++];
    action->code = OP_WRITE_FIELD;
    action->region = target->region;
    action->first = batch->write_count;
    action->count = 0;
    return action;
}

// What the handle names. A VMCS02 that the batch clears belongs to nobody from there on.
static HOT enum status resolve(const struct batch *batch, uint32_t handle, struct vmcs_target *target)
{
    TRY(handle_resolve(batch->cpu, batch->partition, handle, target));
    bool own = target->vmcs02 != NULL && handle != VMCS_HANDLE_L2;
    return own && (batch->cleared >> target->vmcs02->owner_index & 1) ? STATUS_BAD_STATE : STATUS_OK;
}

// The same for one whose groups are written.
static HOT enum status resolve_written(struct batch *batch, uint32_t handle, uint64_t groups, struct vmcs_target *target)
{
    TRY(resolve(batch, handle, target));
    if ((groups & GROUP_EVENT) && target->vmcs02 != NULL && target->vmcs02 == batch->cpu->vmcs02)
        batch->wrote_event = true;
    return STATUS_OK;
}

// Whether the partition's header grants it.
static bool granted(const struct batch *batch, enum cap_kind kind, uint32_t object, uint64_t groups)
{
    return cap_check(&batch->partition->header, kind, object, groups);
}

// What the policy makes of a value. A page that a VMCS02 names isn't taken from L1: its name is known before EPT01 is asked for it.
static enum status admit(struct batch *batch, const struct vmcs_target *target, enum vmcs_field field, uint64_t *value)
{
    if (vmcs_field_info[field].policy == POLICY_ADDRESS && target->kind == VMCS_KIND_02) {
        if (batch->pinned != NULL && batch->pinned != target->vmcs02)
            return STATUS_BAD_ARG;
        batch->pinned = target->vmcs02;
        pin_set(target->vmcs02->index, field, *value);
    }
    if (field == VMCS_GUEST_ACTIVITY_STATE && target->kind == VMCS_KIND_02)
        target->vmcs02->may_wait = true;
    return policy_admit(target->kind, field, value);
}

static enum status decode_write_field(struct batch *batch, const struct op *op)
{
    if (op->a >= VMCS_FIELD_COUNT)
        return STATUS_BAD_ARG;
    enum vmcs_field field = (enum vmcs_field)op->a;
    uint64_t group = 1ull << vmcs_field_info[field].group, value = op->b;
    struct vmcs_target target;
    if (!granted(batch, CAP_WRITE, op->object, group))
        return STATUS_DENIED;
    if (!vmcs_field_exists(field))
        return STATUS_BAD_FIELD;
    TRY(resolve_written(batch, op->object, group, &target));
    if (!(group & group_plain[target.kind]))
        TRY(admit(batch, &target, field, &value));
    if (batch->write_count == FIELD_WRITES_MAX)
        return STATUS_BAD_ARG;
    struct action *action = write_action(batch, &target);
    batch->write[batch->write_count++] = (struct field_write){ vmcs_field_info[field].encoding, value };
    action->count++;
    return STATUS_OK;
}

// Adds one group's fields with their values from a bank, checked one by one. What the policy keeps to L0 is left out.
static enum status add_checked(struct batch *batch, struct action *action, const struct vmcs_target *target, unsigned group, const uint64_t *bank)
{
    for (const struct group_field *field = group_first[group]; field < group_first[group + 1]; field++) {
        uint64_t value = ONCE(bank[field->field]);
        enum status status = admit(batch, target, (enum vmcs_field)field->field, &value);
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

static HOT enum status add_groups(struct batch *batch, const struct vmcs_target *target, uint64_t groups, const uint64_t *bank)
{
    uint64_t plain = groups & group_plain[target->kind], masked = groups & group_masked[target->kind];
    groups &= ~(plain | masked);
    if (groups != 0) {
        const struct vmcs_target known = *target;  // a copy in memory; who comes through here mostly needs none
        struct action *action = write_action(batch, &known);
        for (; groups != 0; groups &= groups - 1)
            TRY(add_checked(batch, action, &known, (unsigned)__builtin_ctzll(groups), bank));
    }
    if ((plain | masked) != 0) {  // any value will do: the invocation takes them where they are
        struct action *action = &batch->action[batch->action_count++];
        action->code = OP_WRITE_GROUPS;
        action->region = target->region;
        action->groups = plain;
        action->masked = masked;
        action->bank = bank;
    }
    return STATUS_OK;
}

static HOT enum status decode_write_groups(struct batch *batch, const struct op *op)
{
    struct vmcs_target target;
    if (op->a >= MSG_BANKS)
        return STATUS_BAD_ARG;
    if (!granted(batch, CAP_WRITE, op->object, op->b))
        return STATUS_DENIED;
    TRY(resolve_written(batch, op->object, op->b, &target));
    return add_groups(batch, &target, op->b, batch->reply->field[op->a]);
}

static enum status decode_copy_groups(struct batch *batch, const struct op *op)
{
    struct vmcs_target to, from;
    if (!granted(batch, CAP_WRITE, op->object, op->b) || !granted(batch, CAP_READ, op->a, op->b))
        return STATUS_DENIED;
    if (batch->copy_count == BATCH_COPIES)
        return STATUS_BAD_ARG;
    TRY(resolve_written(batch, op->object, op->b, &to));
    TRY(resolve(batch, op->a, &from));
    uint64_t *bank = batch->copy[batch->copy_count++];
    vmcs_select(batch->cpu, from.region);
    group_read(batch->cpu, op->b, bank);
    return add_groups(batch, &to, op->b, bank);
}

// An operation on a VMCS02 itself. VMCS_RESET gets its memory where it has none yet.
static enum status decode_vmcs02(struct batch *batch, const struct op *op)
{
    struct vmcs02 *vmcs02 = vmcs02_at(batch->partition->vmcs02_first + op->object - VMCS_HANDLE_02);
    TRY(op->code == OP_VMCS_RESET ? vmcs02_reserve(vmcs02, batch->cpu) : vmcs02_take(vmcs02, batch->cpu));
    if (batch->cleared >> vmcs02->owner_index & 1)
        return STATUS_BAD_STATE;
    add_action(batch, op)->vmcs02 = vmcs02;
    return STATUS_OK;
}

static enum status decode_vmcs_clear(struct batch *batch, const struct op *op)
{
    TRY(decode_vmcs02(batch, op));
    batch->cleared |= 1ull << batch->action[batch->action_count - 1].vmcs02->owner_index;
    return STATUS_OK;
}

static enum status decode_vmcs_ept(struct batch *batch, const struct op *op)
{
    return op->b == VMCS02_TAG_NONE ? STATUS_BAD_ARG : decode_vmcs02(batch, op);
}

static enum status decode_bitmap(struct batch *batch, const struct op *op)
{
    bool inside = op->a >> 16 < BITMAP_KINDS && (op->a & 0xffff) < PAGE_BYTES / sizeof(uint64_t);
    return inside ? decode_vmcs02(batch, op) : STATUS_BAD_ARG;
}

static enum status decode_l1_vmx(struct batch *batch, const struct op *op)
{
    if (op->a > 1)
        return STATUS_BAD_ARG;
    add_action(batch, op);
    return STATUS_OK;
}

static enum status decode_shadow(struct batch *batch, const struct op *op)
{
    return op->a == 1 && batch->cpu->shadow.v == 0 ? STATUS_UNSUPPORTED : decode_l1_vmx(batch, op);
}

// An operation on a root.
static enum status decode_root(struct batch *batch, const struct op *op)
{
    batch->map_region = ~0ull;
    batch->touches_ept02 = true;
    add_action(batch, op)->root = batch->partition->root_first + op->object;
    return STATUS_OK;
}

static enum status decode_ept_create(struct batch *batch, const struct op *op)
{
    if (op->b == 0 || op->b == VMCS02_TAG_NONE)
        return STATUS_BAD_ARG;
    batch->pages += EPT02_CREATE_PAGES;
    return decode_root(batch, op);
}

// The tag binds; all that is left to do is to check that it fits.
static enum status decode_ept_bind(struct batch *batch, const struct op *op)
{
    (void)op;
    return batch->cpu->level == ORIGIN_L2 && batch->cpu->vmcs02 != NULL ? STATUS_OK : STATUS_BAD_STATE;
}

static enum status decode_ept_map(struct batch *batch, const struct op *op)
{
    if (!ept02_map_valid(op->a, (gpa2_t){ op->b }, (gpa1_t){ op->c }))
        return STATUS_BAD_ARG;
    uint64_t root = batch->partition->root_first + op->object, before = batch->map_region;
    uint64_t region = ept_map_level(op->a) == EPT_LEVEL_4K ? root << 32 | op->b >> 21 : ~0ull;
    if (region == ~0ull || region != before)
        batch->pages += EPT02_MAP_PAGES;
    enum status status = decode_root(batch, op);
    batch->map_region = region;
    return status;
}

static HOT enum status decode_ept_map_run(struct batch *batch, const struct op *op)
{
    if (op->a > EPT_RUN_MAX || op->b % LARGE_BYTES + op->a * PAGE_BYTES > LARGE_BYTES || op->b % PAGE_BYTES != 0 || op->b >> 48 != 0 ||
        batch->copy_count == BATCH_COPIES)
        return STATUS_BAD_ARG;
    uint64_t *entries = batch->copy[batch->copy_count++];
    for (uint32_t i = 0; i < op->a; i++) {
        entries[i] = ONCE(batch->reply->field[0][i]);
        if (entries[i] != 0 && !ept02_run_valid(entries[i]))
            return STATUS_BAD_ARG;
    }
    batch->pages += EPT02_MAP_PAGES;
    enum status status = decode_root(batch, op);
    batch->action[batch->action_count - 1].bank = entries;
    return status;
}

static enum status decode_ept_unmap(struct batch *batch, const struct op *op)
{
    return op->a < EPT_LEVEL_COUNT ? decode_root(batch, op) : STATUS_BAD_ARG;
}

// A page that has an owner is out of L1's reach by the kernel at once, by L1 itself when the batch is applied.
static enum status decode_page(struct batch *batch, const struct op *op)
{
    static struct spinlock lock;
    gpa1_t page = { op->b };
    uint32_t owner = batch->partition->index + 1;
    batch->touches_ept02 = true;
    if (op->code == OP_PAGE_GIVE) {
        add_action(batch, op);
        return page.v % PAGE_BYTES == 0 && ept01_owner(page) == owner ? STATUS_OK : STATUS_BAD_ADDRESS;
    }
    TRY(page.v == 0 || page.v % PAGE_BYTES != 0 || page.v >= WINDOW_BYTES ? STATUS_BAD_ADDRESS : STATUS_OK);
    TRY(pool_free_pages() < TAKE_RESERVE ? STATUS_NO_TABLES : ept01_own(page, 0, owner, true));
    add_action(batch, op);
    TRY(pin_has(page) ? STATUS_BUSY : STATUS_OK);
    spinlock_acquire(&lock);  // tables are made here, and only here
    enum status status = window_show(page, true);
    if (status == STATUS_OK)
        status = space_own(&batch->partition->space, page, false);
    spinlock_release(&lock);
    return status;
}

static enum status decode_msr_write(struct batch *batch, const struct op *op)
{
    if (!msr_l1_writable(op->a))
        return STATUS_UNSUPPORTED;
    add_action(batch, op);
    return STATUS_OK;
}

static enum status decode_inject(struct batch *batch, const struct op *op)
{
    if (op->b == 0 || op->b > UINT32_MAX || op->c > UINT32_MAX)
        return STATUS_BAD_ARG;
    add_action(batch, op)->root = op->object;
    return fault_inject_check(op->object, op->a);
}

// Who may give L1 another address space may end the old one's translations.
static enum status decode_l1_flush(struct batch *batch, const struct op *op)
{
    if (!granted(batch, CAP_WRITE, VMCS_HANDLE_01, GROUP_CR))
        return STATUS_DENIED;
    add_action(batch, op);
    return STATUS_OK;
}

// Each checks one kind of operation, and adds what is to be done for it.
typedef enum status decode_t(struct batch *batch, const struct op *op);
static decode_t *const decoders[OP_COUNT] = {
    [OP_WRITE_FIELD] = decode_write_field, [OP_WRITE_GROUPS] = decode_write_groups, [OP_COPY_GROUPS] = decode_copy_groups,
    [OP_VMCS_RESET] = decode_vmcs02, [OP_VMCS_CLEAR] = decode_vmcs_clear, [OP_VMCS_EPT] = decode_vmcs_ept, [OP_VMCS_FLUSH] = decode_vmcs02,
    [OP_BITMAP] = decode_bitmap, [OP_SHADOW] = decode_shadow, [OP_L1_VMX] = decode_l1_vmx, [OP_L1_NMI] = decode_l1_vmx, [OP_EPT_CREATE] = decode_ept_create,
    [OP_EPT_BIND] = decode_ept_bind, [OP_EPT_MAP] = decode_ept_map, [OP_EPT_MAP_RUN] = decode_ept_map_run, [OP_EPT_UNMAP] = decode_ept_unmap,
    [OP_EPT_DROP] = decode_root,
    [OP_MSR_WRITE] = decode_msr_write, [OP_PAGE_TAKE] = decode_page, [OP_PAGE_GIVE] = decode_page,
    [OP_INJECT] = decode_inject, [OP_L1_FLUSH] = decode_l1_flush,
};

static HOT enum status decode_as(struct batch *batch, const struct op *op, unsigned code)
{
    if (!granted(batch, CAP_RIGHT, op_need[code].right, 0) || !granted(batch, op_need[code].object, op->object, 0))
        return STATUS_DENIED;
    if (code == OP_WRITE_GROUPS)
        return decode_write_groups(batch, op);
    if (code == OP_EPT_MAP_RUN)
        return decode_ept_map_run(batch, op);
    const struct op known = *op;  // the same
    return decoders[code](batch, &known);
}

static HOT enum status decode_op(struct batch *batch, const struct op *op)
{
    if (op->code >= OP_COUNT)
        return STATUS_BAD_CALL;
    if (op->code == OP_EPT_MAP_RUN)
        return decode_as(batch, op, OP_EPT_MAP_RUN);
    return op->code == OP_WRITE_GROUPS ? decode_as(batch, op, OP_WRITE_GROUPS) : decode_as(batch, op, op->code);
}

enum status batch_decode(struct batch *batch, struct cpu *cpu, struct partition *partition, const struct reply *reply)
{
    batch->cpu = cpu;
    batch->partition = partition;
    batch->reply = reply;
    batch->action_count = batch->write_count = batch->copy_count = batch->taken_count = batch->pages = 0;
    batch->wrote_event = batch->touches_ept02 = batch->moved = false;
    batch->cleared = 0;
    batch->pinned = NULL;
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
        TRY(decode_op(batch, &op));
    }
    return batch->pages == 0 || ept02_reserve(&batch->work, batch->pages) ? STATUS_OK : STATUS_NO_TABLES;
}

void batch_abandon(struct batch *batch)
{
    for (uint32_t i = 0; i < batch->action_count; i++)
        if (batch->action[i].code == OP_PAGE_TAKE)
            batch->moved |= ept01_own((gpa1_t){ batch->action[i].b }, batch->partition->index + 1, 0, true) == STATUS_OK;
    if (batch->moved)  // L2s may see decoys of what was claimed: it is L1's own again
        ept02_expel(batch->taken, 0);
    if (batch->pinned != NULL)
        pin_settle(batch->pinned->index, false);
    ept02_finish(&batch->work);
}

bool batch_status_returned(enum status status)
{
    return status == STATUS_NO_TABLES || status == STATUS_NO_MEMORY || status == STATUS_BAD_ADDRESS || status == STATUS_BUSY ||
           status == STATUS_UNSUPPORTED;
}
