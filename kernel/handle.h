// SPDX-License-Identifier: BSD-2-Clause
// VMCS handles: what a partition's handle names on this CPU.
#pragma once

#include <stddef.h>

#include <caps/cap.h>
#include <caps/status.h>

#include "cap.h"
#include "cpu.h"
#include "partition.h"
#include "vmcs02.h"

struct vmcs_target {
    enum vmcs_kind kind;
    hpa_t region;
    struct vmcs02 *vmcs02;  // VMCS_KIND_02; of another partition with VMCS_HANDLE_L2
};

// A handle that cap_check() has granted. STATUS_UNSUPPORTED: no shadow VMCS on this CPU; STATUS_BUSY: active on another CPU; STATUS_BAD_STATE:
// the VMCS02 was never reset; there is no L2, or its own partition, in the midst of whose message a debugger asks, has given its VMCS02 up.
NODISCARD static inline enum status handle_resolve(struct cpu *cpu, const struct partition *partition, uint32_t handle,
                                                   struct vmcs_target *target)
{
    target->kind = handle_kind(handle);
    target->vmcs02 = NULL;
    if (handle == VMCS_HANDLE_L2) {
        target->kind = VMCS_KIND_02;
        target->vmcs02 = cpu->level == ORIGIN_L2 ? cpu->vmcs02 : cpu->below;
        if (target->vmcs02 == NULL || target->vmcs02->active_cpu != cpu->index)
            return STATUS_BAD_STATE;
        target->region = target->vmcs02->region;
        return STATUS_OK;
    }
    if (target->kind == VMCS_KIND_02) {
        target->vmcs02 = vmcs02_at(partition->vmcs02_first + handle - VMCS_HANDLE_02);
        TRY(vmcs02_take(target->vmcs02, cpu));
        target->region = target->vmcs02->region;
        return STATUS_OK;
    }
    target->region = target->kind == VMCS_KIND_01 ? cpu->vmcs01 : cpu->shadow;
    return target->region.v == 0 ? STATUS_UNSUPPORTED : STATUS_OK;
}
