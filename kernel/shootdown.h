// SPDX-License-Identifier: BSD-2-Clause
// Shoot-down: no CPU uses a translation any more that was taken out of EPT01, an EPT02 or a window before the call.
//
// A generation is bumped; every other launched CPU gets an NMI, invalidates, and says which generation it has seen. There is no lock:
// who waits serves others' requests meanwhile, and the NMI handler does all the work itself, whatever it interrupted.
#pragma once

#include <stdbool.h>

#include "cpu.h"

// Change the tables first. When it returns, all CPUs have invalidated all EPT-derived translations and all of the host's user
// translations (windows). A CPU that waits for SIPI or isn't launched invalidates before it goes on. Not in NMI context.
void shootdown(void);

// Invalidates if there is something that this CPU hasn't seen. Any context.
void shootdown_serve(struct cpu *cpu);

// An NMI came in, or may have been lost: true if it was sent from here and is served; false: it is L1's. Any context.
bool shootdown_nmi(struct cpu *cpu);

// Sends another CPU an NMI, unless one is under way.
void shootdown_kick(struct cpu *cpu);

// Makes another CPU repeat a SIPI to all others (lapic_repeat_sipi), if it has sent one.
void shootdown_repeat_sipi(struct cpu *cpu);

// Stops all other CPUs for good (panic).
void shootdown_halt_others(void);
