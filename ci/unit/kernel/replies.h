// SPDX-License-Identifier: BSD-2-Clause
// Replies of a partition on the made-up machine, for the tests of their decoding.
#pragma once

#include "check.h"
#include "fake_machine.h"
#include "fake_vmcs.h"

#include <string.h>

#include <caps/layout.h>

#include "cap.h"
#include "ept02.h"
#include "group.h"
#include "invoke.h"
#include "loader/policy.h"
#include "reply.h"

#define ALL_GROUPS ((1ull << GROUP_COUNT) - 1)

// EPT02 roots: the first two are the partition's, the others stand for those of a partition with PALs and of one with L2s.
enum { ROOT_PAL = 2, ROOT_L2, ROOTS };

static struct partition partition;
static struct reply reply;
static struct batch *batch;

// Of the CPU as it is by then.
static void make_policy(void)
{
    policy_make(&fake_info.policy, &fake_caps);
    group_init(&fake_info.policy);
}

__attribute__((unused)) static void start(void)
{
    fake_info.root_count = ROOTS;
    fake_info.root_pals_of[ROOT_PAL] = 1;
    fake_machine_init(64);
    fake_vmcs_init();
    make_policy();
    batch = fake_cpu.batch;
    partition.header.rights = ~(uint32_t)RIGHT_PAL;  // PALs' trees have other tags: see the tests of taken pages
    partition.header.vmcs02_count = FAKE_VMCS02S;
    partition.header.root_count = 2;
    for (unsigned i = 0; i < VMCS_KINDS; i++)
        partition.header.vmcs[i] = (struct vmcs_cap){ ~0ull, ~0ull };  // granted is what exists, whatever the header says
}

static void add(enum op_code code, uint32_t object, uint32_t a, uint64_t b, uint64_t c)
{
    reply.op[reply.op_count++] = (struct op){ (uint16_t)code, (uint16_t)object, a, b, c };
}

static enum status decode(void)
{
    enum status status = batch_decode(batch, &fake_cpu, &partition, &reply);
    if (status != STATUS_OK)
        batch_abandon(batch);
    reply.op_count = 0;
    return status;
}

__attribute__((unused)) static enum status try(enum op_code code, uint32_t object, uint32_t a, uint64_t b, uint64_t c)
{
    add(code, object, a, b, c);
    enum status status = decode();
    if (status == STATUS_OK)
        CHECK_EQ(batch_invoke(batch, &fake_cpu), STATUS_OK);
    return status;
}
