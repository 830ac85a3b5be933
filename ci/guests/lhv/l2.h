// SPDX-License-Identifier: BSD-2-Clause
// Entering L2, what it runs, and what came of it.
#pragma once

#include <stdint.h>

#include "cpu.h"
#include "vmcs.h"

// A piece of 64-bit code for L2, in AT&T syntax; it ends by VMCALL.
#define L2(name, text)                                                                              \
    extern const char name[] __attribute__((visibility("hidden")));                                 \
    __asm__(".text\n" #name ":\n\t" text "\n\tvmcall\n\tud2\n")
// Code of another mode, which is copied to where it runs: NAME to NAME_end. text starts with .code16 or .code32.
#define L2_BYTES(name, text)                                                                                  \
    extern const char name[] __attribute__((visibility("hidden"))), name##_end[] __attribute__((visibility("hidden"))); \
    __asm__(".text\n" #name ":\n\t" text "\n" #name "_end:\n\t.code64\n")

// L2 starts at the code at the next entry.
void l2_start(const char *code);
// In L2's privilege level 3.
void l2_user(void);
// In the order of the VMCS fields' encodings.
enum l2_segment { SEGMENT_ES, SEGMENT_CS, SEGMENT_SS, SEGMENT_DS, SEGMENT_FS, SEGMENT_GS, SEGMENTS };
void l2_segment(enum l2_segment segment, uint16_t selector, uint64_t base, uint32_t limit, uint32_t rights);
// Copies code of another mode below 1 MiB, to this CPU's place there; returns where that is.
uint64_t l2_low(const char *code, const char *end);
// L2 starts there, at offset 0 of segments that begin there, in real mode (unrestricted guest); or in 32-bit protected mode, at this CPU's place below 1 MiB.
void l2_real(uint64_t at);
void l2_protected_32(void);
// Enters L2; what came of it is in this_cpu()->exit, L2's GPRs in this_cpu()->gpr.
void l2_run(void);
// How many ticks of the time-stamp counter l2_start() and l2_run() take.
uint64_t l2_ticks(const char *code);
// RIP behind the instruction that exited.
void l2_skip(void);

// Enter L2 and expect: an exit with that basic reason (and no entry failure); with that qualification, too.
void want_exit(uint32_t reason);
void want_exit_with(uint32_t reason, uint64_t qualification);
// The VMCALL at the end of a piece of code; or the one that says that L2's IDT took that vector. RIP is then behind the VMCALL.
void want_end(void);
void want_trap(uint64_t vector);
// VM entry fails: by VM-instruction error, or as an exit 33 or 34 with that qualification.
void want_vmfail(int outcome);
void want_entry_failure(uint32_t reason, uint64_t qualification);

// l2.S
uint64_t l2_enter(struct cpu *c, uint64_t launched);
extern const char l2_exit[];

enum { RAX, RCX, RDX, RBX, RSP_UNUSED, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15 };
#define GPR(n) (this_cpu()->gpr[n])
