// SPDX-License-Identifier: BSD-2-Clause
// INVEPT and INVVPID.

#include <caps/ept_call.h>
#include <rt/call.h>
#include <rt/panic.h>

#include "cpu.h"
#include "entry_check.h"
#include "inject.h"
#include "insn.h"
#include "operand.h"
#include "region.h"
#include "result.h"
#include "vmcap.h"
#include "vmcs02.h"

#define CALL_EPT 0  // index into the header's calls

enum { INVVPID_ADDRESS, INVVPID_CONTEXT, INVVPID_ALL, INVVPID_KEEP_GLOBAL };

static bool invept_supported(uint64_t type)
{
    return (type == INVEPT_SINGLE && (vmcap_ept() & EPT_CAP_INVEPT_ONE)) || (type == INVEPT_ALL && (vmcap_ept() & EPT_CAP_INVEPT_ALL));
}

static bool invvpid_supported(uint64_t type) { return type <= INVVPID_KEEP_GLOBAL && (vmcap_ept() & VPID_CAP_TYPE(type)); }

// What both begin with: type and descriptor. false: the instruction is over.
static bool operands(struct message *m, bool exists, bool (*supported)(uint64_t type), uint64_t *type, uint64_t descriptor[2])
{
    if (!exists) {  // as on a CPU without it
        inject_ud(m);
        return false;
    }
    if (!insn_allowed(m))
        return false;
    *type = operand_get(m, operand_register2(m));
    if (!supported(*type)) {
        vm_fail(m, ERROR_BAD_INVALIDATION);
        return false;
    }
    return operand_read(m, descriptor, 16);
}

static void invalidate_trees(uint64_t type, uint64_t eptp)
{
    const uint64_t arg[MSG_ARGS] = { EPT_CALL_INVEPT, type, eptp };
    uint64_t result[MSG_ARGS];
    const enum status status = rt_call(CALL_EPT, arg, result);
    // The kernel has emptied the trees of a parked `ept` (partition_park()), and it maps nothing any more, so that nothing is stale.
    if (status != STATUS_OK)
        rt_log(LOG_ERROR, "INVEPT: ept answers: %s", status_text(status));
}

void insn_invalidate_all(struct message *m)
{
    invalidate_trees(INVEPT_ALL, 0);
    vmcs02_flush(-1);
    vm_succeed(m);
}

void insn_invept(struct message *m)
{
    const bool exists = (vmcap_allowed1(WORD_PROC2) & PROC2_ENABLE_EPT) && (vmcap_ept() & EPT_CAP_INVEPT);
    uint64_t descriptor[2] = { 0 }, type = 0;

    if (!operands(m, exists, invept_supported, &type, descriptor))
        return;
    if (type == INVEPT_SINGLE && !eptp_valid(descriptor[0])) {
        vm_fail(m, ERROR_BAD_INVALIDATION);
        return;
    }
    invalidate_trees(type, type == INVEPT_SINGLE ? descriptor[0] : 0);
    vm_succeed(m);
}

static bool invvpid_valid(uint64_t type, const uint64_t descriptor[2])
{
    if ((descriptor[0] >> 16) != 0 || (descriptor[0] == 0 && type != INVVPID_ALL))
        return false;
    return type != INVVPID_ADDRESS || address_canonical(descriptor[1]);
}

void insn_invvpid(struct message *m)
{
    const bool exists = (vmcap_allowed1(WORD_PROC2) & PROC2_ENABLE_VPID) && (vmcap_ept() & VPID_CAP_INVVPID);
    uint64_t descriptor[2] = { 0 }, type = 0;

    if (!operands(m, exists, invvpid_supported, &type, descriptor))
        return;
    if (!invvpid_valid(type, descriptor)) {
        vm_fail(m, ERROR_BAD_INVALIDATION);
        return;
    }
    // The whole VPID where less was asked for: more than needed is always allowed (SDM 3C 29.4.3.2 "Operations that May Invalidate").
    vmcs02_flush(type == INVVPID_ALL ? -1 : (int32_t)(descriptor[0] & 0xffff));
    vm_succeed(m);
}
