// SPDX-License-Identifier: BSD-2-Clause
// INVEPT of L1, straight from its exit.
#include "instruction.h"

#include <caps/ept_call.h>
#include <rt/info.h>
#include <rt/reply.h>
#include <rt/walk.h>

#include "inval.h"

// IA32_VMX_EPT_VPID_CAP (SDM 3D A.10 "VPID and EPT Capabilities"): INVEPT, and its type for one context. nestvmx offers L1 what the CPU has of them.
#define EPT_VPID_CAP   (0x48cu - VMX_MSR_FIRST)
#define INVEPT_OFFERED (1ull << 20 | 1ull << 25)
#define RIGHTS_DPL     0x60u
#define DESCRIPTOR     16u

static bool offered;

void instruction_init(void) { offered = (info->vmx_msr[EPT_VPID_CAP] & INVEPT_OFFERED) == INVEPT_OFFERED; }

void instruction(const struct request *req, struct reply *rep)
{
    const bool plain = offered && !(req->field[0][VMCS_GUEST_SS_ACCESS_RIGHTS] & RIGHTS_DPL);
    uint64_t eptp12;
    // An EPTP12 that a tree has is a valid one: an L2 has run on it.
    if (__builtin_expect(plain && operand_quick_read64(req, DESCRIPTOR, INVEPT_SINGLE, &eptp12) && inval_known(rep, eptp12), 1)) {
        rep->rflags = 0;  // VMsucceed
        rep->set = SET_FLAGS | SET_ADVANCE;
        return;
    }
    reply_forward(rep, 0, 0, 0, 0);
}
