// SPDX-License-Identifier: BSD-2-Clause
// Virtualization exceptions (SDM 3C 26.5.7 "Virtualization Exceptions"): violations of EPT12 that L1 leaves to its L2. VMCS02 doesn't have the control, so that
// what just EPT02 lacks never becomes one.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <caps/addr.h>

#include "message.h"
#include "vmcs12.h"

// A violation of EPT12. true: L2 gets #VE, or L1 an exit for it where its exception bitmap says so, with the information written. false: it is L1's, as a
// violation. The message has EXIT_GROUPS.
//   qualification, linear: as the exit would have them
bool ve_convert(struct message *m, struct vmcs12 *v, gpa2_t address, uint64_t linear, uint64_t qualification);

// The message that may have begun one ends otherwise.
void ve_forget(const struct vmcs12 *v);
