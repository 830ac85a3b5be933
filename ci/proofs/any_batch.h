// SPDX-License-Identifier: BSD-2-Clause
// What the proofs of decoding share: any partition, any state of a batch, and the neighbours' contracts.
#pragma once

#include "any_caps.h"
#include "no_machine.h"

// Bound: a batch of at most so many operations.
#include <caps/msg.h>
#undef OP_MAX
#define OP_MAX 3

#include "../../kernel/reply.c"

static struct partition the_partition;
static struct cpu the_cpu;
static struct vmcs02 the_vmcs02;
static struct batch the_batch;
static bool pinned;                    // a page that a VMCS02 names
static bool took;                      // the VMCS02 is held by this CPU

// Proof allot: an object of those that the loader gave to the partition.
struct vmcs02 *vmcs02_at(uint32_t index)
{
    PROVE((the_partition.header.rights & RIGHT_VMCS02) && index - the_partition.vmcs02_first < the_partition.header.vmcs02_count, "a VMCS02 of the partition's");
    return &the_vmcs02;
}

enum status vmcs02_take(struct vmcs02 *vmcs02, struct cpu *cpu)
{
    PROVE(vmcs02 == &the_vmcs02 && cpu == &the_cpu, "for this CPU");
    return (took = any_bool()) ? STATUS_OK : STATUS_BUSY;
}

enum status vmcs02_reserve(struct vmcs02 *vmcs02, struct cpu *cpu) { return vmcs02_take(vmcs02, cpu); }

void pin_set(uint32_t vmcs02, enum vmcs_field field, uint64_t address)
{
    PROVE(vmcs02 == the_vmcs02.index && vmcs_field_info[field].policy == POLICY_ADDRESS, "a name of a page");
    (void)address;
}
void pin_settle(uint32_t vmcs02, bool written) { (void)vmcs02, (void)written; }
bool pin_has(gpa1_t page) { (void)page; return pinned; }

// Any partition that the loader's checks let through, any CPU, and a batch with so many actions, of which the last is any.
static void any_batch(unsigned actions)
{
    struct partition_header header;
    struct action last;
    ASSUME(header.vmcs02_count <= VMCS02_OWN_MAX && header.root_count <= ROOT_MAX);
    the_partition.header = header;
    the_partition.vmcs02_first = 5;
    the_partition.root_first = any_below(ROOT_MAX);
    ASSUME(the_partition.vmcs02_first + header.vmcs02_count <= VMCS02_MAX && the_partition.root_first + header.root_count <= ROOT_MAX);
    the_vmcs02.index = VMCS02_MAX - 1;  // which one it is doesn't matter
    the_vmcs02.owner_index = VMCS02_OWN_MAX - 1;
    the_vmcs02.region.v = any_u64();
    the_cpu.vmcs01.v = any_u64();
    the_cpu.shadow.v = any_u64();
    the_cpu.level = any_bool() ? ORIGIN_L1 : ORIGIN_L2;
    the_cpu.vmcs02 = any_bool() ? &the_vmcs02 : NULL;
    the_batch.cpu = &the_cpu;
    the_batch.partition = &the_partition;
    the_batch.action_count = actions;
    the_batch.cleared = any_u64();
    the_batch.pinned = NULL;
    pinned = any_bool();
    the_batch.pages = any_below(OP_MAX * EPT02_MAP_PAGES);
    the_batch.map_region = any_u64();
    if (actions > 0)
        the_batch.action[actions - 1] = last;
}

static struct op any_op(enum op_code code)
{
    struct op op = { .code = (uint16_t)code, .object = any_u16(), .a = any_u32(), .b = any_u64(), .c = any_u64() };
    return op;
}

// The batch has one action more, which repeats the operation.
static const struct action *one_action(unsigned actions, const struct op *op)
{
    const struct action *action = &the_batch.action[actions];
    PROVE(the_batch.action_count == actions + 1, "one action");
    PROVE(action->code == op->code && action->a == op->a && action->b == op->b && action->c == op->c, "that is the operation as it was checked");
    return action;
}
