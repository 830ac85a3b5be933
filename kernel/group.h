// SPDX-License-Identifier: BSD-2-Clause
// Field groups: which fields of a VMCS a group stands for on this CPU, reading and writing them.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <caps/cap.h>
#include <caps/vmcs_field.h>

#include "cpu.h"
#include "policy.h"
#include "vmx_insn.h"

// The fields that this CPU has, sorted by group: those of group g begin at group_first[g] and end before group_first[g + 1], so groups that follow each
// other are one run. Fields that it lacks are in no group: they read as 0.
extern const struct group_field *group_first[GROUP_COUNT + 1];

// The groups of whose fields a partition may write any value into a VMCS of that kind (enum vmcs_kind); and those others where the policy only masks.
extern uint64_t group_plain[VMCS_KINDS], group_masked[VMCS_KINDS];

// What the policy makes of a field of these: (value & keep) | force.
extern struct field_mask group_mask[VMCS_FIELD_COUNT];

// Takes over what the loader has made. Once, before the first message.
void group_init(const struct policy *policy);

// Fields of a list. The fields of the groups that are next to each other in *groups are one; takes these groups out of it.
struct group_list { const struct group_field *first, *end; };
static inline struct group_list group_next(uint64_t *groups)
{
    const uint64_t all = *groups, carry = all + (all & -all);  // the run's bits become 0, the bit above it 1
    *groups = all & carry;
    return (struct group_list){ group_first[__builtin_ctzll(all)], group_first[__builtin_ctzll(carry)] };
}

// The fields of these groups, for messages that name them again and again. exited: without what exit_enter() keeps of what it reads. None (first is NULL): no fields, or there are too many
// lists already.
#define GROUP_LISTED_MAX 4096
struct group_list group_list(uint64_t groups, bool exited);

// Reads fields of the current VMCS into their places in bank.
void group_read_fields(uint64_t count, const struct group_field *end, uint64_t bank[VMCS_FIELD_COUNT]);
static inline void group_read_list(struct cpu *cpu, const struct group_list *list, uint64_t bank[VMCS_FIELD_COUNT])
{
    const uint64_t count = (uint64_t)(list->end - list->first);
    cpu->vmreads += (uint32_t)count;
    group_read_fields(count, list->end, bank);
}

// The same of groups. Only those that exist.
static inline void group_read(struct cpu *cpu, uint64_t groups, uint64_t bank[VMCS_FIELD_COUNT])
{
    while (groups != 0) {
        struct group_list list = group_next(&groups);
        group_read_list(cpu, &list, bank);
    }
}

// The same of the VMCS that has exited, in which nothing was written since, by the groups' list.
static inline void group_read_exit(struct cpu *cpu, uint64_t groups, const struct group_list *list, uint64_t bank[VMCS_FIELD_COUNT])
{
    if (groups & GROUP_EXIT)
        bank[VMCS_EXIT_REASON] = cpu->reason;
    if (groups & GROUP_RIP)
        bank[VMCS_GUEST_RIP] = cpu->rip;
    group_read_list(cpu, list, bank);
}

// Writes a list's fields, as they are, into the current VMCS. bank may be a partition's: each value is read once.
void group_write_list(struct cpu *cpu, struct group_list list, const uint64_t bank[VMCS_FIELD_COUNT]);

// The same of groups of group_plain[], or (masked) of group_masked[].
static inline __attribute__((always_inline)) void group_write(struct cpu *cpu, uint64_t groups, const uint64_t bank[VMCS_FIELD_COUNT], bool masked)
{
    while (groups != 0) {
        struct group_list list = group_next(&groups);
        if (!masked) {
            group_write_list(cpu, list, bank);
            continue;
        }
        cpu->vmwrites += (uint32_t)(list.end - list.first);
        for (; list.first < list.end; list.first++) {
            const struct field_mask *mask = &group_mask[list.first->field];
            insn_vmwrite(list.first->encoding, (*(const volatile uint64_t *)&bank[list.first->field] & mask->keep) | mask->force);
        }
    }
}
