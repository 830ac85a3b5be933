// SPDX-License-Identifier: BSD-2-Clause
// What the probe's parts share. Each part is a load option of the same name.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <efi.h>

// A page of the probe's own.
extern uint64_t probe_page[512];

// VMCALL with and back: RAX to RSI.
struct registers { uint64_t rax, rbx, rcx, rdx, rsi; };
// false: #UD; the registers are as they were.
bool hypercall(struct registers *registers);

// The parts. false: something was not as it must be; each such thing is a line.
bool try_attempts(uint64_t hidden);   // "hostile"
bool try_theft(uint64_t hidden);      // "pages"
bool try_silence(void);               // "silence"
bool try_counters(void);              // "observe"
bool try_crashes(uint64_t messages);  // "crashes"
bool races_prepare(EFI_SYSTEM_TABLE *system);  // starts the other CPU, while the firmware can
bool try_races(uint64_t hidden, uint64_t enough);  // "twice NUMBER": on two CPUs, until each value was read so often
bool startup_prepare(EFI_SYSTEM_TABLE *system);
bool try_startup(void);               // "up": on four CPUs; also without Bulkhead
bool try_types(void);                 // "memory types": changes the MTRRs
bool try_boots(uint64_t messages);    // "boots": a reset after so many messages
enum reset_by { RESET_BY_PORT, RESET_BY_KEYBOARD, RESET_BY_TRIPLE_FAULT };
void try_reset(enum reset_by how);    // "reset", with "keyboard" or "triple": doesn't return, or nothing is kept

// Memory in a block of its own, filled; false: there is none. Intact: as it was filled (or a line for each word that isn't).
bool pattern_make(EFI_SYSTEM_TABLE *system);
bool pattern_intact(void);

// Where `watched` is set (load option): says on COM1 that the machine may be looked at from outside (ci/watch.py), and waits until that is done.
extern bool watched;
void watch(const char *name);

// Hashes of hostile's and pauper's memory by themselves; 0 where one isn't loaded. They tell whether others have changed it.
struct hashes { uint64_t hostile, pauper; };
struct hashes hashes_take(void);

// A line `probe WHAT NAME PARAMETER: VALUE`.
void report(const char *what, const char *name, uint64_t parameter, uint64_t value);
