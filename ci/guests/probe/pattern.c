// SPDX-License-Identifier: BSD-2-Clause
// Memory that nobody may change.

#include "probe.h"

#define PAGES 1024u  // 4 MiB
#define WORDS (PAGES * 512u)

static uint64_t *memory;

static uint64_t next(uint64_t value) { return value * 6364136223846793005ull + 1442695040888963407ull; }

bool pattern_make(EFI_SYSTEM_TABLE *system)
{
    EFI_PHYSICAL_ADDRESS base = 0;
    if (EFI_ERROR(system->BootServices->AllocatePages(AllocateAnyPages, EfiLoaderData, PAGES, &base)))
        return false;
    memory = (uint64_t *)(uintptr_t)base;
    uint64_t value = 1;
    for (unsigned i = 0; i < WORDS; i++)
        memory[i] = value = next(value);
    return true;
}

bool pattern_intact(void)
{
    uint64_t value = 1, wrong = 0;
    for (unsigned i = 0; i < WORDS; i++) {
        value = next(value);
        if (memory[i] != value) {
            report("WRONG", "memory", (uint64_t)(uintptr_t)&memory[i], memory[i]);
            wrong++;
        }
    }
    return wrong == 0;
}
