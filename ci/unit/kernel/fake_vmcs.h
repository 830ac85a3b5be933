// SPDX-License-Identifier: BSD-2-Clause
// VMCSs of the tests: arrays of fields, by region; and the objects behind them.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <caps/vmcs_field.h>

#include "cpu.h"
#include "vmcs02.h"

#define FAKE_VMCS01   0x10001000ull  // regions
#define FAKE_SHADOW   0x10002000ull
#define FAKE_VMCS02   0x10003000ull  // of VMCS02 0; the others follow page by page
#define FAKE_VMCSS    8u
#define FAKE_VMCS02S  4u

extern struct cpu fake_cpu;
extern struct vmcs02 fake_vmcs02[FAKE_VMCS02S];
extern uint64_t fake_field[FAKE_VMCSS][VMCS_FIELD_COUNT];  // 0: VMCS01, 1: shadow, 2...: VMCS02s
extern unsigned fake_vmcs02_calls;                        // reset, clear, flush, bitmap, tag
extern unsigned fake_l1_flushes;
extern uint32_t fake_msr, fake_msr_refused;

// The one fault that may be injected, into partition 0; and what was.
#define FAKE_INJECT_KIND 3u
extern struct fake_injected { uint64_t kind, number, instruction; } fake_injected;

void fake_vmcs_init(void);
