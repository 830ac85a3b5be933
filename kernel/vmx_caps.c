// SPDX-License-Identifier: BSD-2-Clause
// What the CPUs' VMX can do: as the loader has found it (loader/controls.c). And its lock.
#include "vmx_caps.h"

#include "boot_info.h"
#include "memory.h"
#include "msr.h"

#define FEATURE_LOCK (1u << 0)
#define FEATURE_VMX  (1u << 2)   // VMXON outside SMX operation

static struct vmx_caps caps;
const struct vmx_caps *vmx_caps = &caps;

uint64_t vmx_enable(void)
{
    uint64_t value = msr_read(MSR_FEATURE_CONTROL);
    if (!(value & FEATURE_LOCK))
        msr_write(MSR_FEATURE_CONTROL, value |= FEATURE_LOCK | FEATURE_VMX);
    return value;
}

void vmx_caps_init(const struct boot_info *info)
{
    memory_copy(&caps, &info->vmx, sizeof(caps));
    caps.feature_control = vmx_enable();
}
