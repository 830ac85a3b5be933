// SPDX-License-Identifier: BSD-2-Clause
// The made-up machine.

#include "fake_machine.h"

#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <caps/layout.h>

#include "ept02.h"
#include "log.h"
#include "partition.h"
#include "pool.h"
#include "shootdown.h"
#include "vtd.h"

struct boot_info fake_info;
const struct boot_info *boot_info = &fake_info;
struct vmx_caps fake_caps;
const struct vmx_caps *vmx_caps = &fake_caps;
unsigned fake_shootdowns, fake_forgets;
void (*fake_shootdown)(void);
uint64_t fake_pool_limit = FAKE_HIDDEN_PAGES;
enum ept_level fake_ept01_level = EPT_LEVEL_1G;
uint32_t fake_ept01_rights = EPT_RIGHTS, fake_ept01_type = 6;
uint32_t ept01_generation;
void (*fake_meanwhile)(void);
static uint64_t pool_next;
struct fake_page fake_page[FAKE_PAGES];  // pages that have an owner, or had one

void fake_machine_init(uint64_t ept02_budget_pages)
{
    void *want = (void *)(HIDDEN_BASE + FAKE_HIDDEN_FIRST);
    void *got = mmap(want, FAKE_HIDDEN_PAGES * PAGE_BYTES, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (got != want)
        abort();
    fake_caps = (struct vmx_caps){
        .physical_bits = 40, .ept_2m = true, .ept_1g = true, .ept_execute_only = true, .shadowing = true, .write_any_field = true,
        .cr0_fixed0 = 0x20, .cr4_fixed0 = 0x2000, .cr4_supported = 0x3627ff,
    };
    for (unsigned i = 0; i < WORD_COUNT; i++)
        fake_caps.allowed1[i] = 0xffffffff;
#define CONTROL(word, name, bit, l0, l1) CONTROL_##l0(word, 1u << bit)
#define CONTROL_FORCED(word, mask)   fake_caps.forced1[WORD_##word] |= mask;
#define CONTROL_NEVER(word, mask)    fake_caps.forced0[WORD_##word] |= mask;
#define CONTROL_REQUIRED(word, mask)
#define CONTROL_WANTED(word, mask)
#define CONTROL_NONE(word, mask)
#include <caps/vmx_control.def>
    if (ept02_init((hpa_t){ FAKE_HIDDEN_FIRST }, FAKE_HIDDEN_PAGES, ept02_budget_pages) != STATUS_OK)
        abort();
}

enum status pool_alloc(uint64_t pages, hpa_t *out)
{
    if (pages > fake_pool_limit || pool_next + pages > FAKE_HIDDEN_PAGES)
        return STATUS_NO_MEMORY;
    fake_pool_limit -= pages;
    out->v = FAKE_HIDDEN_FIRST + pool_next * PAGE_BYTES;
    pool_next += pages;
    return STATUS_OK;
}

enum status ept01_lookup(gpa1_t address, struct ept01_leaf *out)
{
    out->owner = 0;
    if (address.v >= FAKE_RAM_BYTES ||
        (address.v >= FAKE_HIDDEN_FIRST && address.v < FAKE_HIDDEN_FIRST + FAKE_HIDDEN_PAGES * PAGE_BYTES))
        return STATUS_BAD_ADDRESS;
    for (unsigned i = 0; i < FAKE_PAGES; i++)
        if (fake_page[i].address != 0 && fake_page[i].address == (address.v & PAGE_MASK)) {
            out->owner = fake_page[i].owner;
            if (out->owner != 0 && fake_meanwhile)
                fake_meanwhile();
            if (out->owner != 0)
                return STATUS_BAD_ADDRESS;
            *out = (struct ept01_leaf){ { address.v }, fake_ept01_rights, fake_ept01_type, EPT_LEVEL_4K, 0 };  // split for it, once
            return STATUS_OK;
        }
    // The large page around hidden memory is split.
    bool near = address.v >> 30 == FAKE_HIDDEN_FIRST >> 30;
    enum ept_level level = near && fake_ept01_level == EPT_LEVEL_1G ? EPT_LEVEL_2M : fake_ept01_level;
    *out = (struct ept01_leaf){ { address.v }, fake_ept01_rights, fake_ept01_type, level, 0 };
    return STATUS_OK;
}


static struct fake_page *page_at(gpa1_t page)
{
    for (unsigned i = 0; i < FAKE_PAGES; i++) {
        if (fake_page[i].address == page.v)
            return &fake_page[i];
        if (fake_page[i].address == 0) {
            fake_page[i] = (struct fake_page){ .address = page.v, .mapped = true, .shown = true };
            return &fake_page[i];
        }
    }
    abort();
}

uint32_t ept01_owner(gpa1_t page) { return page_at(page)->owner; }

enum status ept01_own(gpa1_t page, uint32_t from, uint32_t to, bool mapped)
{
    struct ept01_leaf leaf;
    const bool known = page.v < FAKE_RAM_BYTES && page_at(page)->owner != 0;
    if (!known && ept01_lookup(page, &leaf) != STATUS_OK)  // who asks has a page's address
        return STATUS_BAD_ADDRESS;
    if (ept01_owner(page) != from)
        return STATUS_BUSY;
    page_at(page)->owner = to;
    page_at(page)->mapped = mapped;
    ept01_generation++;
    return STATUS_OK;
}

enum status window_show(gpa1_t page, bool shown)
{
    page_at(page)->shown = shown;
    return STATUS_OK;
}

enum status space_own(const struct space *space, gpa1_t page, bool owned)
{
    (void)space;
    page_at(page)->owned = owned;
    return STATUS_OK;
}

uint64_t pool_free_pages(void) { return 1000; }

static struct partition fake_partition;
struct partition *partition_at(uint32_t index) { return index == 0 ? &fake_partition : NULL; }

uint64_t ept01_pointer(void) { return 0x1000 | 0x1e; }
void shootdown(void)
{
    fake_shootdowns++;
    if (fake_shootdown)
        fake_shootdown();
}
void vtd_forget(void) { fake_forgets++; }
void vtd_look(struct cpu *cpu) { (void)cpu; }
void log_line(enum log_level level, const char *format, ...) { (void)level, (void)format; }
