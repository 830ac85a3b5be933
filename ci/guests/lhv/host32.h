// SPDX-License-Identifier: BSD-2-Clause
// An L1 in 32-bit protected mode with paging. VMX operation can't be taken from one mode to the other: all of it is a list of steps, prepared in 64-bit mode
// and looked at there afterwards.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "host32_place.h"
#include "vmcs.h"

enum { EAX, ECX, EDX, EBX, EBP = 5, ESI, EDI };

// A piece of 32-bit code, called with these registers.
struct step {
    uint32_t code, selector, gpr[8];  // in, and what came out
    uint32_t flags, ended;            // how: ENDED_...
    uint32_t vector, error, eip, cr2; // ENDED_EXCEPTION
};

#define HOST32_CELLS 16
struct host32 {
    uint8_t place[0x80];
    uint64_t cell[HOST32_CELLS];      // operands in memory
    struct step step[];
};

// A step's code.
#define HOST32(name, text)                                                                                                 \
    extern const char name[] __attribute__((visibility("hidden")));                                                        \
    __asm__(".text\n\t.code32\n" #name ":\n\t" text "\n\tlret\n\t.code64\n")

// Selectors of its GDT, besides L1's own (x86.h). These begin at page C, but for the last three.
#define SELECTOR_SMALL       0x70  // 24 bytes
#define SELECTOR_READ_ONLY   0x78
#define SELECTOR_DOWN        0x80  // expands down, to 32 bytes behind its base
#define SELECTOR_DOWN_16     0x88  // up to 64 KiB
#define SELECTOR_CODE_16     0x90  // 16-bit code, at the start of page B's second half
#define SELECTOR_HALF        0x98  // the first 2 GiB
#define SELECTOR_WRAPS       0xa0  // begins one page below 4 GiB

// What the CPU is to be in, and VMCS 0 with an L2 and an L1 like that: 32-bit, in one address space, the L2's code, which is CPUID, MOV of 0x1234 to EBX, VMCALL, at this CPU's place below 1 MiB.
// With PAE the second GiB of linear addresses is the first one again.
struct host32 *host32_prepare(bool pae);
// The next step.
struct step *host32_step(const char *code);
// VMREAD to EAX, VMWRITE from it, of the field in ECX.
struct step *host32_vmread(uint32_t encoding);
struct step *host32_vmwrite(uint32_t encoding, uint32_t value);
// The steps that most tests begin with: VMXON and VMPTRLD of VMCS 0 (cells 0 and 1).
void host32_begin(void);
// All steps, then VMCLEAR of VMCS 0 and VMXOFF. In 64-bit mode VMCS 0 is current again.
void host32_end(void);

// How a step ended: VMsucceed, or what else leaves such flags; the same of host32_vmread with that value; VMfailValid, with the error number that the
// step behind it read; an exception.
void want_success(const char *what, const struct step *step);
void want_read(const char *what, const struct step *step, uint32_t value);
void want_error(const char *what, const struct step *step, uint32_t error);
void want_fault(const char *what, const struct step *step, uint32_t vector, uint32_t error);

static inline uint32_t low32(const volatile void *p) { return (uint32_t)address(p); }
#define ENCODING(name) vmcs_field_info[VMCS_##name].encoding

// host32.S
void host32_run(struct host32 *h);
extern const char host32_stubs[], host32_exit[], host32_v86[], host32_user[];
