// SPDX-License-Identifier: BSD-2-Clause
// An L2 in 32-bit protected mode with PAE paging, its own GDT, IDT and task-state segments; in virtual-8086 mode, too.
#pragma once

#include <stdint.h>

// Linear: the first region of EPT12's window (ept12.h). All else below 1 GiB is where it is, but for the page at 0: an interrupt table for 8086 programs.
#define LEGACY_WINDOW 0x3fe00000u

// Its GDT begins as L1's. Then come:
#define SELECTOR_NOW       0x60  // the task that runs
#define SELECTOR_NEXT      0x68  // one that could
#define SELECTOR_BUSY      0x70  // the same, busy
#define SELECTOR_GATE      0x78  // a task gate to it
#define SELECTOR_TSS_GONE  0x80  // not present
#define SELECTOR_TSS_SHORT 0x88
#define SELECTOR_GATE_GONE 0x90  // not present
#define SELECTOR_GATE_BAD  0x98  // to SELECTOR_TSS_GONE
#define SELECTOR_LAST      0x98

// It starts at the code, copied to this CPU's place below 1 MiB, in privilege level 0 with interrupts off.
void legacy_start(const char *code, const char *end);
// ... in virtual-8086 mode, at offset 0 of segments that begin there. Stack and flags as given; ports up to 0x1bb7 are allowed by the I/O bitmap, all
// software interrupts redirected to the program's own handlers where CR4.VME is 1.
void legacy_virtual_8086(const char *code, const char *end, uint64_t flags);

// The task-state segment of SELECTOR_NOW or SELECTOR_NEXT; its first word is the link to the task before.
uint32_t *legacy_tss(uint16_t selector);
// An interrupt goes through that gate instead of to its stub.
void legacy_task_gate(unsigned vector, uint16_t selector);
// In the TSS's bitmap: goes to the IDT, with CR4.VME as well.
void legacy_not_redirected(unsigned vector);
// I/O at the port is #GP.
void legacy_port_denied(unsigned port);
// Linear address (below 2 MiB) of a page that leads to the window's.
void legacy_page_to_window(uint32_t linear, unsigned page);

// Enters L2 and expects its handler for that vector, by the IDT. Returns its stack: the error code first, if there is one.
const uint32_t *want_legacy_trap(unsigned vector);
// L2 is to go on with IRET; the error code is dropped.
void legacy_iret(unsigned error_codes);

// legacy.S
extern const char legacy_stubs[], legacy_return[];
