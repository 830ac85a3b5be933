// SPDX-License-Identifier: BSD-2-Clause
// Operations: which the header allows, and what they do to the fake VMCSs.

#include <stdio.h>
#include <string.h>

#include <caps/ept_map.h>
#include <caps/vmcs_feature.h>

#include "world_op.h"

extern const struct partition_header header;

uint64_t world_vmcs[WORLD_VMCSS][VMCS_FIELD_COUNT];
uint64_t world_bitmap[VMCS02_MAX][BITMAP_KINDS][512];
struct op world_op[WORLD_OPS];
uint32_t world_ops;
enum status (*world_check_op)(const struct reply *rep, const struct op *op);

static const uint32_t op_right[OP_COUNT] = {
#define OP(name, right, needs) [OP_##name] = RIGHT_##right,
#include <caps/op.def>
#undef OP
};

enum vmcs_kind world_vmcs_kind(uint32_t handle)
{
    return handle == VMCS_HANDLE_01 || handle == VMCS_HANDLE_L2 ? VMCS_KIND_01 : handle == VMCS_HANDLE_SHADOW ? VMCS_KIND_SHADOW : VMCS_KIND_02;
}

static void refuse(const struct op *op, const char *why)
{
    char text[200];
    snprintf(text, sizeof(text), "operation %s object %u a 0x%x b 0x%lx c 0x%lx: %s", op_name(op->code),
             op->object, op->a, op->b, op->c, why);
    world_fault(text);
}

static void check_handle(const struct op *op, uint32_t handle)
{
    if (handle == VMCS_HANDLE_L2 ? !(header.rights & RIGHT_PAL) : handle >= VMCS_HANDLE_02 + header.vmcs02_count)
        refuse(op, "no such VMCS");
    if (handle == VMCS_HANDLE_SHADOW && !world_info.shadowing)
        refuse(op, "VMCS shadowing is off");
}

// A batch as the kernel decodes it: every value is known before anything is written, so OP_COPY_GROUPS sees none of the batch's writes.
#define WRITES_MAX 512
static struct { uint32_t handle, field; uint64_t value; } decoded[WRITES_MAX];
static unsigned decoded_count, decoded_end[OP_MAX];

static bool exists(unsigned field)
{
    const uint32_t allowed1[WORD_COUNT] = { (uint32_t)(world_info.vmx_msr[1] >> 32), (uint32_t)(world_info.vmx_msr[2] >> 32),
        (uint32_t)(world_info.vmx_msr[11] >> 32), (uint32_t)(world_info.vmx_msr[3] >> 32), (uint32_t)(world_info.vmx_msr[4] >> 32) };
    return vmcs_feature_exists((enum vmcs_feature)vmcs_field_info[field].feature, allowed1);
}

// Whether the policy lets a partition write the field there; *value as the kernel would change it.
static enum status admit(uint32_t handle, unsigned field, uint64_t *value)
{
    static const enum vmcs_field control[WORD_COUNT] = { VMCS_PIN_CONTROLS, VMCS_PROC_CONTROLS, VMCS_PROC_CONTROLS2,
                                                         VMCS_EXIT_CONTROLS, VMCS_ENTRY_CONTROLS };
    const struct vmcs_field_info *f = &vmcs_field_info[field];
    *value &= width_mask(encoding_width(f->encoding));
    if (handle == VMCS_HANDLE_SHADOW)
        return STATUS_OK;
    if (handle == VMCS_HANDLE_01 && encoding_class(f->encoding) != CLASS_GUEST && f->group != GROUP_INDEX_EVENT && f->group != GROUP_INDEX_EVENT_DATA &&
        f->group != GROUP_INDEX_CR_SHADOW)
        return STATUS_DENIED;
    if (f->policy == POLICY_ADDRESS)
        return *value < WORLD_BYTES && world_mapped[*value / PAGE_BYTES] ? STATUS_OK : STATUS_BAD_ADDRESS;
    for (unsigned word = 0; f->policy == POLICY_MASKED && word < WORD_COUNT; word++) {
        if (control[word] == field)
            *value = (*value | world_info.forced1[word]) & ~world_info.forced0[word];
    }
    return f->policy == POLICY_FREE || f->policy == POLICY_MASKED ? STATUS_OK : STATUS_DENIED;
}

static void decode_write(uint32_t handle, unsigned field, uint64_t value)
{
    if (decoded_count == WRITES_MAX)
        world_fault("more writes in a batch than the kernel takes");
    decoded[decoded_count].handle = handle == VMCS_HANDLE_L2 ? VMCS_HANDLE_02 + WORLD_L2 : handle;
    decoded[decoded_count].field = field;
    decoded[decoded_count++].value = value;
}

static enum status decode_field(const struct op *op)
{
    uint64_t value = op->b;
    if (!((header.vmcs[world_vmcs_kind(op->object)].write >> vmcs_field_info[op->a].group) & 1))
        refuse(op, "the header does not let it write the group");
    if (!exists(op->a))
        refuse(op, "the CPU does not have the field");
    const enum status status = admit(op->object, op->a, &value);
    if (status == STATUS_DENIED)
        refuse(op, "the field's policy keeps it from partitions");
    decode_write(op->object, op->a, value);
    return status;
}

// What the policy keeps to L0, and what the CPU doesn't have, is left out.
static enum status decode_groups(uint32_t handle, const uint64_t *from, uint64_t groups)
{
    for (unsigned field = 0; field < VMCS_FIELD_COUNT; field++) {
        if (!((groups >> vmcs_field_info[field].group) & 1) || !exists(field))
            continue;
        uint64_t value = from[field];
        const enum status status = admit(handle, field, &value);
        if (status == STATUS_DENIED)
            continue;
        if (status != STATUS_OK)
            return status;
        decode_write(handle, field, value);
    }
    return STATUS_OK;
}

static void check_group_mask(const struct op *op, uint64_t groups, uint64_t may)
{
    if (groups & ~may)
        refuse(op, "the header does not grant the groups");
}

static void check_run(const struct reply *rep, const struct op *op)
{
    if (op->a > EPT_RUN_MAX || op->b % PAGE_BYTES != 0 || op->b % LARGE_BYTES + op->a * PAGE_BYTES > LARGE_BYTES)
        refuse(op, "not pages of one table");
    for (unsigned i = 0; i < op->a; i++) {
        const uint64_t entry = rep->field[0][i];
        if (entry != 0 && ((entry & ~EPT_RUN_BITS) || !(entry & EPT_PRESENT) || (entry & 3) == EPT_WRITE))
            refuse(op, "no entry of a page");
    }
}

static enum status check(const struct reply *rep, const struct op *op)
{
    if (op->code >= OP_COUNT)
        refuse(op, "no such operation");
    if (op_right[op->code] != RIGHT_NONE && !(header.rights & op_right[op->code]))
        refuse(op, "the header does not declare the right");
    switch ((enum op_code)op->code) {
    case OP_WRITE_FIELD:
        check_handle(op, op->object);
        if (op->a >= VMCS_FIELD_COUNT)
            refuse(op, "no such field");
        return decode_field(op);
    case OP_WRITE_GROUPS:
        check_handle(op, op->object);
        if (op->a >= MSG_BANKS)
            refuse(op, "no such bank");
        check_group_mask(op, op->b, header.vmcs[world_vmcs_kind(op->object)].write);
        return decode_groups(op->object, rep->field[op->a], op->b);
    case OP_COPY_GROUPS:
        check_handle(op, op->object);
        check_handle(op, op->a);
        check_group_mask(op, op->b, header.vmcs[world_vmcs_kind(op->object)].write & header.vmcs[world_vmcs_kind(op->a)].read);
        return decode_groups(op->object, world_vmcs[op->a], op->b);
    case OP_VMCS_RESET: case OP_VMCS_CLEAR: case OP_VMCS_EPT: case OP_VMCS_FLUSH: case OP_BITMAP:
        check_handle(op, op->object);
        if (op->object < VMCS_HANDLE_02)
            refuse(op, "not a VMCS02");
        if (op->code == OP_BITMAP && ((op->a >> 16) >= BITMAP_KINDS || (op->a & 0xffff) >= 512))
            refuse(op, "no such part of a bitmap");
        break;
    case OP_SHADOW: case OP_L1_VMX: case OP_L1_NMI:
        if (op->a > 1)
            refuse(op, "0 or 1");
        break;
    case OP_EPT_CREATE: case OP_EPT_BIND: case OP_EPT_MAP: case OP_EPT_MAP_RUN: case OP_EPT_UNMAP: case OP_EPT_DROP:
        if (op->object >= header.root_count)
            refuse(op, "no such root");
        if (op->code == OP_EPT_MAP && ept_map_level(op->a) >= EPT_LEVEL_COUNT)
            refuse(op, "bad level");
        if (op->code == OP_EPT_MAP_RUN)
            check_run(rep, op);
        break;
    case OP_PAGE_TAKE: case OP_PAGE_GIVE:
        return world_page_check(op);
    case OP_L1_FLUSH:
        check_group_mask(op, GROUPS_CR, header.vmcs[VMCS_KIND_01].write);
        break;
    case OP_MSR_WRITE:
    case OP_INJECT:
    case OP_COUNT:
        break;
    }
    return STATUS_OK;
}

enum status world_check_batch(const struct reply *rep)
{
    decoded_count = 0;
    if (rep->op_count > OP_MAX)
        world_fault("more operations than a reply holds");
    world_page_batch();
    for (unsigned i = 0; i < rep->op_count; i++) {
        enum status status = check(rep, &rep->op[i]);
        if (status == STATUS_OK && world_check_op)
            status = world_check_op(rep, &rep->op[i]);
        if (status != STATUS_OK)
            return status;
        decoded_end[i] = decoded_count;
    }
    return STATUS_OK;
}

void world_apply_batch(const struct reply *rep)
{
    for (unsigned i = 0, next = 0; i < rep->op_count; i++) {
        const struct op *op = &rep->op[i];
        for (; next < decoded_end[i]; next++) {
            world_vmcs[decoded[next].handle][decoded[next].field] = decoded[next].value;
            world_vmwrites++;
        }
        if (op->code == OP_VMCS_RESET) {
            memset(world_vmcs[op->object], 0, sizeof(world_vmcs[0]));
            memset(world_bitmap[op->object - VMCS_HANDLE_02], 0xff, sizeof(world_bitmap[0]));
        }
        if (op->code == OP_BITMAP)
            world_bitmap[op->object - VMCS_HANDLE_02][op->a >> 16][op->a & 0xffff] = op->b;
        if (op->code == OP_PAGE_TAKE || op->code == OP_PAGE_GIVE)
            world_page_move(op->b, op->code == OP_PAGE_TAKE);
        world_op[world_ops++ % WORLD_OPS] = *op;
    }
}

uint32_t world_count(enum op_code code)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < world_ops && i < WORLD_OPS; i++)
        count += world_op[i].code == code;
    return count;
}

const struct op *world_last(enum op_code code)
{
    for (uint32_t i = world_ops < WORLD_OPS ? world_ops : WORLD_OPS; i > 0; i--) {
        if (world_op[i - 1].code == code)
            return &world_op[i - 1];
    }
    return NULL;
}
