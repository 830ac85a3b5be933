// SPDX-License-Identifier: BSD-2-Clause
// MSR-load and MSR-store areas of VMCS12 (SDM 3C 25.7.2, 25.8.2, 27.4 "Loading MSRs", 28.4 "Saving MSRs", 28.6 "Loading MSRs").
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "message.h"
#include "vmcs12.h"

// The groups of VMCS02 that the VM-entry MSR-load list may write over. Before that, VMCS12 has its own values of them, and after it they are dirty: an entry that
// fails saves no guest state.
uint64_t msr_list_entry_groups(const struct vmcs12 *v);

// VM-entry MSR-load list: 0, or the number (from 1) of the entry that can't be loaded. Everything else of VMCS02 is in place.
uint64_t msr_list_entry_load(struct message *m, const struct vmcs12 *v);

// VM-exit MSR-store list, before L1's state is loaded, and VM-exit MSR-load list, after that. false: a VMX abort.
bool msr_list_exit_store(struct message *m, const struct vmcs12 *v);
bool msr_list_exit_load(struct message *m, const struct vmcs12 *v);
