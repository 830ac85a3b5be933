// SPDX-License-Identifier: BSD-2-Clause
// Accessed and dirty flags of EPT12.
#pragma once

#include <stdbool.h>

#include <rt/walk12.h>

// Sets the flags that the CPU would set when it translates the address for an access that *walk (which ended in a leaf) allows, and walks again where
// L1 has changed an entry meanwhile: *walk is then what that walk found. Does nothing where eptp12 doesn't ask for flags.
//   false: L1 goes on changing them; nothing may be mapped now. Or, with EPTP12_LOGS, flags are to be set: nothing was done
bool mark12(const struct ept12_cpu *cpu, uint64_t eptp12, gpa2_t address, bool write, struct walk12 *walk);
