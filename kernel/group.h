// SPDX-License-Identifier: BSD-2-Clause
// Field groups: which fields of a VMCS a group stands for on this CPU, reading and writing them.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <caps/cap.h>
#include <caps/vmcs_feature.h>
#include <caps/vmcs_field.h>

#include "cpu.h"
#include "vmx_insn.h"

struct group_field { uint16_t encoding; uint16_t field; };  // field: enum vmcs_field

// The fields that this CPU has, sorted by group: those of group g begin at group_first[g] and end before group_first[g + 1], so groups that follow each
// other are one run. Fields that it lacks are in no group: they read as 0.
extern const struct group_field *group_first[GROUP_COUNT + 1];

// The groups of whose fields a partition may write any value into a VMCS of that kind (enum vmcs_kind).
extern uint64_t group_plain[VMCS_KINDS];

// Fills the lists. allowed1: the controls that the CPU can set. Once, before the first message.
void group_init(const uint32_t allowed1[WORD_COUNT]);

// The next run of fields: takes its groups out of *groups.
struct group_run { const struct group_field *first, *end; };
static inline struct group_run group_next(uint64_t *groups)
{
    const uint64_t all = *groups, carry = all + (all & -all);  // the run's bits become 0, the bit above it 1
    *groups = all & carry;
    return (struct group_run){ group_first[__builtin_ctzll(all)], group_first[__builtin_ctzll(carry)] };
}

// Reads the groups' fields of the current VMCS into their places in bank. Only groups that exist.
static inline void group_read(struct cpu *cpu, uint64_t groups, uint64_t bank[VMCS_FIELD_COUNT])
{
    while (groups != 0) {
        struct group_run run = group_next(&groups);
        cpu->vmreads += (uint32_t)(run.end - run.first);
#pragma GCC unroll 4
        for (; run.first < run.end; run.first++)
            insn_vmread_to(run.first->encoding, &bank[run.first->field]);
    }
}

// Writes them into the current VMCS. bank may be a partition's: each value is read once.
static inline void group_write(struct cpu *cpu, uint64_t groups, const uint64_t bank[VMCS_FIELD_COUNT])
{
    while (groups != 0) {
        struct group_run run = group_next(&groups);
        cpu->vmwrites += (uint32_t)(run.end - run.first);
#pragma GCC unroll 4
        for (; run.first < run.end; run.first++)
            insn_vmwrite(run.first->encoding, bank[run.first->field]);
    }
}
