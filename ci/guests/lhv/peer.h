// SPDX-License-Identifier: BSD-2-Clause
// Two CPUs in one test: CPU 0 runs it, and tells the others what to do.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "cpu.h"

// Waits until all CPUs are here.
void peer_meet(void);
// CPU 0: runs the themes of pairs, then lets the others go on. The others: do what they are told until then.
void peer_themes(void);
void peer_serve(void);

// Test on CPU 0: another CPU (1) calls what; peer_wait returns when it has. A test that has no other CPU is skipped.
struct cpu *peer(void);
void peer_start(void (*what)(uint64_t), uint64_t argument);
void peer_wait(void);
