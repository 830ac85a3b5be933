// SPDX-License-Identifier: BSD-2-Clause
// A test: a function with a name. It runs on each CPU, with VMX on, a fresh VMCS current, and is left where the first expectation fails.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "cpu.h"

// A file of tests. `pairs` ones need a second CPU, which runs nothing meanwhile but what it is told to (peer.h).
struct theme { const char *name; void (*run)(void); bool pairs; };

// Runs it as THEME.NAME, or THEME.NAME.PART for the row of a table, unless the options leave it out. Prints one line:
//   lhv: ok NAME@CPU  |  lhv: FAIL NAME@CPU what=... got=0x... want=0x...  |  lhv: skip NAME@CPU WHY
void test_row(const char *name, const char *part, void (*what)(uint64_t), uint64_t row);
#define TEST(function) test_row(#function, NULL, function, 0)

// Ends the test unless got is want.
void expect(const char *what, uint64_t got, uint64_t want);
_Noreturn void test_fail(const char *what, uint64_t got, uint64_t want);
// Ends it: this machine can't run it.
_Noreturn void test_skip(const char *why);
// For what would end the emulator (docs/emulators.md): skipped unless the option hardware is given; the second on CPU 0 neither.
void test_emulator(const char *why);
void test_emulator_first_cpu(void);
// From trap.c: an exception that nobody expected. The test fails; the caller leaves it.
void test_lost(uint64_t vector, uint64_t rip);

// All themes on this CPU; and then options.random of their tests, in no order: what one leaves behind another would meet.
void test_themes(struct cpu *c);
void test_random(struct cpu *c);
extern const struct theme *const themes[];
