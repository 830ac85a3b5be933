// SPDX-License-Identifier: BSD-2-Clause
// A program in L1, or in an L2, with a PAL, for the tests of trustvisor: its memory, its hypercalls, its calls.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <rt/walk.h>
#include <trustvisor/abi.h>

#include "../harness.h"

// Linear addresses of the program: four pages for the PAL, pages for structures and data, a stack. Frames are elsewhere (FRAME_OF).
#define CODE_PAGE   0x10000ull
#define DATA_PAGE   0x11000ull
#define STACK_PAGE  0x12000ull
#define PARAM_PAGE  0x13000ull
#define SECTIONS_AT 0x14000ull
#define PARAMS_AT   0x14800ull
#define BUFFER_PAGE 0x15000ull   // two pages
#define OWN_STACK   0x17000ull
#define READ_ONLY   0x18000ull
#define KERNEL_PAGE 0x19000ull   // not for user mode
#define ABSENT      0x1a000ull
#define LARGE_AT    0x20000ull   // program_large(): so many pages
#define FRAME_OF(linear) ((linear) + 0x700000ull)
#define ENTRY       (CODE_PAGE + 0x40)
#define RETURN_TO   0x401234ull

// Starts the partition, with a program of that word size (4, 8).
void program_start(uint32_t word);
// The system below it, from the next start on: PAGING_4_LEVEL, unless a test says otherwise. Those of 32 bits have no programs of 64.
void program_system(enum paging_mode mode);
// The same in an L2, whose physical addresses are L2_OFFSET below those of L1; the EPT12's entry of a linear address' page. Exits of it set world_vmcs02.
void program_start_l2(uint32_t word);
uint64_t *program_ept12(uint64_t linear);
#define L2_OFFSET 0x400000ull
#define EPTP12    0x50001eull
// The page tables' entry of a linear address; in PAGING_32; and of what is above the last table, which has all of the above: a page directory's in PAGING_32.
uint64_t *program_pte(uint64_t linear);
uint32_t *program_pte32(uint64_t linear);
#define CR3_PAGE       0x600000ull
#define PDPT_OFFSET    0xfa0ull   // in that page, PAGING_PAE: page-directory pointers need but 32 bytes
#define PAGE_DIRECTORY (CR3_PAGE + 0x2000)
#define PAGE_TABLE     (CR3_PAGE + 0x3000)
#define SPARE_TABLE    (CR3_PAGE + 0x4000)

// The structures of a registration: a page each of code, data, stack and parameters; nothing registered yet. To be changed at will.
extern struct tv_sections *program_sections;
extern struct tv_params *program_params;

void program_large(uint32_t pages);

// Gives the registration two parameters: an integer of a word, a pointer to four.
void program_two_params(void);
// Starts the partition with a program of that word size in L1 that has such a PAL.
void program_registered(uint32_t word);
// The first PAL has ended, and no page is taken.
bool program_nothing_left(void);

// A hypercall; the result. RIP must have moved on.
uint64_t program_call(uint64_t number, uint64_t ecx, uint64_t edx, uint64_t esi, uint64_t edi);
uint64_t program_register(void);
uint64_t program_unregister(void);
// Lends so many pages from linear on.
uint64_t program_share(uint64_t linear, uint64_t bytes);

// The program calls the PAL: registers are in world_gpr, the stack at OWN_STACK + 0x800. Returns the reply.
#define CALL_RSP (OWN_STACK + 0x800)
const struct reply *program_enter(void);
// It touches a frame of the PAL's.
const struct reply *program_touch(uint64_t linear, unsigned qualification);

// Exits of the PAL.
const struct reply *pal_leave(enum exit_reason reason);
const struct reply *pal_return(uint64_t result);
const struct reply *pal_exception(uint32_t vector, uint64_t address, uint64_t rip);
uint64_t pal_hypercall(uint64_t number, uint64_t ecx, uint64_t edx, uint64_t esi, uint64_t edi);
// What the running PAL sees at one of its addresses, as its own page tables and tree map it; NULL: nothing. rights: EPT_READ | ...
uint8_t *pal_sees(uint32_t number, uint64_t address, unsigned *rights);

extern uint64_t *program_l1;   // VMCS01, or the L2's
#define PAL_VMCS(number) world_vmcs[VMCS_HANDLE_02 + (number)]
