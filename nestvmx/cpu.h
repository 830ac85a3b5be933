// SPDX-License-Identifier: BSD-2-Clause
// L1's VMX state on each CPU.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <caps/msg.h>

struct vmcs12;

#define NO_ADDRESS (~0ull)  // the current-VMCS pointer when there is none (SDM 3C 25.1 "Overview")

// In the state region: zero is the state after reset.
struct vmx_cpu {
    uint64_t vmxon_region;     // while on
    uint64_t feature_control;  // IA32_FEATURE_CONTROL, once written by L1
    uint32_t feature_control_written;
    uint32_t on;               // L1 is in VMX operation
    uint32_t current;          // place of the current VMCS12 in the table + 1; 0: none
    uint32_t nmi_pending;      // an NMI that doesn't exit to L1 waits until L2 can take it, or exits
};

// This CPU's.
struct vmx_cpu *vmx_cpu_self(void);

// IA32_FEATURE_CONTROL as L1 sees it.
uint64_t vmx_cpu_feature_control(const struct vmx_cpu *cpu);
void vmx_cpu_set_feature_control(struct vmx_cpu *cpu, uint64_t value);

// The current VMCS12, or NULL.
struct vmcs12 *vmx_cpu_current(const struct vmx_cpu *cpu);

// Whether L1 reads and writes its current VMCS12's shadowed groups without exits now.
bool vmx_cpu_shadowing(const struct vmx_cpu *cpu);
