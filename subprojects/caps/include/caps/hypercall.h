// SPDX-License-Identifier: BSD-2-Clause
// Hypercall numbers. Generated from hypercall.def.
#pragma once

// Two ways to the same numbers: VMCALL, which any program of L1 may execute, and IN EAX, DX with DX = HYPERCALL_PORT, which takes the right to
// that port: the CPU looks at CPL, IOPL and the task's I/O permission bitmap before the VM exit, and whoever lacks it gets #GP from L1.
// A partition says by its routes which it answers: the EXIT_VMCALL range of numbers, the EXIT_IO range HYPERCALL_PORT alone.
#define HYPERCALL_PORT 0x0bd0u

#define REPORT_LINE 64u  // bytes that HYPERCALL_REPORT_READ reads

enum hypercall {
#define HYPERCALL(name, number, who, text) HYPERCALL_##name = number,
#include <caps/hypercall.def>
#undef HYPERCALL
};
