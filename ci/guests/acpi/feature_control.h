/* SPDX-License-Identifier: BSD-2-Clause */
/* IA32_FEATURE_CONTROL, which Bochs leaves open. */
#pragma once

#define MSR_FEATURE_CONTROL 0x3aU
#define FEATURE_CONTROL_LOCK 1U

/* Locks VT-x off on this CPU (SDM 3C 24.7 "Enabling and Entering VMX Operation"). */
static inline void feature_control_lock(void)
{
    __asm__ volatile("wrmsr" : : "c"(MSR_FEATURE_CONTROL), "a"(FEATURE_CONTROL_LOCK), "d"(0));
}
