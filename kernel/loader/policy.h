// SPDX-License-Identifier: BSD-2-Clause
// The policy of VMCS fields as the kernel goes by it, made of vmcs_field.def, vmx_control.def and what the CPU has.
#pragma once

#include "../policy.h"
#include "../vmx_caps.h"

void policy_make(struct policy *policy, const struct vmx_caps *caps);
