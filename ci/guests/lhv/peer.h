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
// The others: do what they are told, until they are told to leave.
void peer_listen(void);

// Test on CPU 0: another CPU (1) calls what; peer_wait returns when it has. A test that has no other CPU is skipped.
struct cpu *peer(void);
void peer_start(void (*what)(uint64_t), uint64_t argument);
void peer_wait(void);

// What the other CPU's part came to, for CPU 0 to judge: the other one reports no test of its own.
struct peer_seen { volatile uint64_t running, failed, reason, information, qualification, value, nmis, activity; };
extern struct peer_seen peer_seen;

// As peer_start, with VMX on there and a fresh VMCS current; an expectation that fails there shows in peer_seen.failed.
void peer_run(void (*what)(uint64_t), uint64_t argument);
// There: notes the exit that l2_run came to.
void peer_note_exit(void);
// Until what runs there has set peer_seen.running.
void peer_wait_running(void);
