// SPDX-License-Identifier: BSD-2-Clause
// The machine under the kernel's sources: hidden memory, EPT01, VMX capabilities, shoot-downs that are counted.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "boot_info.h"
#include "ept01.h"
#include "vmx_caps.h"

#define FAKE_HIDDEN_FIRST 0x10000000ull
#define FAKE_HIDDEN_PAGES 4096ull
#define FAKE_RAM_BYTES    0x80000000ull  // L1's memory: all below, without hidden memory

void fake_machine_init(uint64_t ept02_budget_pages);

extern struct boot_info fake_info;
extern struct vmx_caps fake_caps;
extern unsigned fake_forgets;     // calls of vtd_forget()
extern unsigned fake_shootdowns;
extern void (*fake_shootdown)(void);     // what other CPUs do before one that shoots down has told them; NULL: nothing
extern uint64_t fake_pool_limit;         // pages that pool_alloc still gives
extern enum ept_level fake_ept01_level;  // the largest leaf of EPT01
extern uint32_t fake_ept01_rights, fake_ept01_type;
extern void (*fake_meanwhile)(void);  // while ept01_lookup() finds a page that has an owner

// What became of pages that a partition took: owner (index + 1), mapped in EPT01, shown in the window, seen in the owned window.
#define FAKE_PAGES 64
struct fake_page { uint64_t address; uint32_t owner; bool mapped, shown, owned; };
extern struct fake_page fake_page[FAKE_PAGES];
