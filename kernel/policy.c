// SPDX-License-Identifier: BSD-2-Clause
// What the policy makes of a value.

#include "policy.h"

#include <caps/addr.h>

#include "boot_info.h"
#include "ept01.h"
#include "init_sipi.h"

static enum status admit_address(uint64_t *value)
{
    struct ept01_leaf leaf;
    TRY(ept01_lookup((gpa1_t){ *value & PAGE_MASK }, &leaf));
    *value = (leaf.hpa.v & PAGE_MASK) | (*value & ~PAGE_MASK);
    return STATUS_OK;
}

enum status policy_admit(enum vmcs_kind kind, enum vmcs_field field, uint64_t *value)
{
    const struct policy *policy = &boot_info->policy;
    switch ((enum admit)policy->admit[kind][field]) {
    case ADMIT_ANY: return STATUS_OK;
    case ADMIT_BITS: *value = (*value & policy->mask[field].keep) | policy->mask[field].force; return STATUS_OK;
    case ADMIT_ADDRESS: return admit_address(value);
    case ADMIT_ACTIVITY:
        if (kind == VMCS_KIND_01 && (uint32_t)*value == ACTIVITY_WAIT_FOR_SIPI)
            *value = 0xffffffff;  // VM entry refuses it (see init_deliver)
        return STATUS_OK;
    default: return STATUS_DENIED;
    }
}
