// SPDX-License-Identifier: BSD-2-Clause
// PALs: what is registered, and in which state. In the state region: a reload of the partition keeps them.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <caps/addr.h>
#include <caps/msg.h>
#include <rt/walk.h>
#include <trustvisor/abi.h>

#include "caller.h"
#include "utpm.h"

#define PAL_MAX       16   // each has an EPT root and a VMCS02 of the same number
#define PAL_PAGES_MAX 512  // of all sections of one
#define PAL_TABLES    32   // page tables of one, and copies of its SHARED_CODE, which are the last of them
#define PAL_COPY      0x10000u  // as the number of a page: copy n of its SHARED_CODE, in pal_tables[][n]; pages that are taken have smaller numbers
#define PAL_VECTORS   0x3000  // bytes of an XSAVE area (SDM 1 13.4 "XSAVE Area")

enum pal_state {
    PAL_FREE,
    PAL_MAKING,     // being registered
    PAL_UNMADE,     // was being registered on the place's CPU when we were reloaded; the registers of that CPU wait in VECTORS_CPU
    PAL_IDLE,
    PAL_STARTING,   // on the place's CPU: a call of an idle PAL is being made
    PAL_RESUMING,   // on the place's CPU: a call of a suspended one
    PAL_RUNNING,    // on the place's CPU, or its call is being answered there
    PAL_SUSPENDED,  // its call has not returned: the caller executes the call again
    PAL_SHARING,    // on the place's CPU: pages are being lent to it
    PAL_CLOSING,    // on the place's CPU: about to end, because its program wants so
    PAL_ENDING,     // its pages are being given back, by the place's CPU
};

struct pal_section { uint32_t type, pages, first; uint64_t start; };  // first: its first page among all of the PAL's, or its first copy
struct pal_param { uint32_t type; uint64_t bytes; };                  // bytes: of what a pointer points to

// The call that runs: as the caller made it.
struct pal_call {
    uint64_t gpr[GPR_COUNT];
    uint64_t rsp, return_address;
    uint64_t pointer[TV_PARAMS_MAX];  // parameters as the caller gave them
    uint64_t copy[TV_PARAMS_MAX];     // where the PAL has a pointer's data
    uint64_t returned;                // 1: the PAL has returned; the data isn't copied out yet
};

// One word: a state, the CPU that it goes with, and a count of the changes up to it, by which a state isn't taken for an earlier one of the same name.
union pal_place { uint64_t word; struct { uint16_t state, cpu; uint32_t changes; } as; };

struct pal {
    union pal_place place;      // changed by pal_change(), pal_take() and pal_release() alone
    uint32_t turn;              // enum turn
    uint32_t entered;           // 1: its VMCS may be active, on the place's CPU
    uint32_t scrubbed;          // 1: nothing of it is left in its pages
    uint32_t word;              // of the program, bytes: 4 or 8
    uint32_t page_count;
    uint32_t taken, taking;     // pages before the lower of the two are ours; up to the higher they may be
    uint32_t table_count, copy_count;
    uint32_t section_count, param_count;
    uint32_t own_sections, own_pages;    // of its registration; what follows is lent for one call (share.h)
    uint32_t kept_sections, kept_pages;  // PAL_SHARING: as it was before; what follows is being lent
    uint32_t entry_page;        // index
    uint32_t handle;            // of the VMCS of who registered it: VMCS_HANDLE_01 or VMCS_HANDLE_L2
    uint64_t space;             // the program's CR3, address bits alone (a PCID is no part of an address space's name)
    uint64_t entry;
    struct paging paging;       // the program's, as of its registration; with an L2's EPT12
    struct pal_section section[TV_SECTIONS_MAX];
    struct pal_param param[TV_PARAMS_MAX];
    struct utpm utpm;
    struct pal_call call;
    uint64_t gpr[GPR_COUNT];    // PAL_SUSPENDED
};

extern struct pal pal_table[PAL_MAX];
extern uint64_t pal_frame[PAL_MAX][PAL_PAGES_MAX];                 // L1-physical addresses, by page
extern uint64_t pal_tables[PAL_MAX][PAL_TABLES][PAGE_BYTES / 8];   // page tables, and copies
extern uint8_t pal_vectors[PAL_MAX][2][PAL_VECTORS];               // vector state: the PAL's, and of the CPU's while the PAL runs
enum { VECTORS_PAL, VECTORS_CPU };

static inline uint32_t pal_number(const struct pal *pal) { return (uint32_t)(pal - pal_table); }

// From one state to another, if it is in that state. The cpu is set with it.
bool pal_change(struct pal *pal, enum pal_state from, enum pal_state to, uint32_t cpu);
// The same, if it is in that state on that CPU, which it stays on.
bool pal_release(struct pal *pal, uint32_t cpu, enum pal_state from, enum pal_state to);
// The same, if nothing has changed since it was in that place. What was looked at in between is of the PAL that is taken: another CPU may have ended it, and
// registered one of another program's in its slot.
bool pal_take(struct pal *pal, union pal_place seen, enum pal_state from, enum pal_state to, uint32_t cpu);
static inline union pal_place pal_place(const struct pal *pal) { return (union pal_place){ __atomic_load_n(&pal->place.word, __ATOMIC_ACQUIRE) }; }
static inline enum pal_state pal_state(const struct pal *pal) { return (enum pal_state)pal_place(pal).as.state; }
static inline bool pal_is(const struct pal *pal, enum pal_state state, uint32_t cpu)
{
    const union pal_place now = pal_place(pal);
    return now.as.state == (uint32_t)state && now.as.cpu == cpu;
}

// CR3's address bits; what else it holds is no part of an address space's identity.
uint64_t pal_space(const struct paging *paging);

// The PAL of that level, EPT12, address space, word size and entry; NULL. It may be in any state from IDLE on. *seen: its place, for pal_take().
struct pal *pal_find(const struct caller *caller, uint64_t entry, union pal_place *seen);

// The PAL that has the frame; *page: which of its pages; *seen: as above. NULL.
struct pal *pal_of_frame(gpa1_t frame, uint32_t *page, union pal_place *seen);

// The page of the PAL at that address, or PAL_PAGES_MAX where there is none; *writable: by the PAL.
uint32_t pal_page_at(const struct pal *pal, uint64_t address, bool *writable);

// The PAL's memory: the owned window, and copies. All of it must be the PAL's, for a write in sections that it may write to itself.
bool pal_read(const struct pal *pal, uint64_t address, void *to, uint32_t bytes);
bool pal_write(const struct pal *pal, uint64_t address, const void *from, uint32_t bytes);
// One page.
void *pal_page(const struct pal *pal, uint32_t page);

// Whether the program's own page tables still lead to that page of the PAL: else the system has taken it away, and will give it to somebody else.
bool pal_mapped(const struct pal *pal, uint32_t page);
bool pal_all_mapped(const struct pal *pal);

#define SECTION_SHARED 6u  // of the types that a program can't name: lent (share.h)
// The PAL's rights to a section of that type, EPT_READ | ...; 0: no such type. Sections that the PAL may write are zeroed at the end.
unsigned section_rights(uint32_t type);
